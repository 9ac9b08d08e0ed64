"""Answer a repeated POST as the first one (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import json
import logging
import re
from typing import Any

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from app.extensions import db
from app.features.api import idempotency
from app.features.api.idempotency import InProgress, KeyReused
from app.features.api.web.problems import ApiProblem

logger = logging.getLogger(__name__)
HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
# A string of structured fields, or the same without its quotes, as many programs send it.
KEY = re.compile(r'"([ !#-\[\]-~]{1,255})"|([!#-\[\]-~]{1,255})')
KEPT_HEADERS = ("Content-Type", "ETag", "Link", "Location", "WWW-Authenticate")
NOT_CARRIED_OUT = {429, 503}


def init_blueprint(blueprint: Blueprint) -> None:
    """Register the hooks, after the one that checks the token."""
    blueprint.before_request(replay)
    blueprint.after_request(keep)


def replay() -> Response | None:
    """Return the answer to an earlier request with the same key, or None."""
    given = request.headers.get(HEADER)
    if given is None or request.method != "POST" or "api_token" not in g:
        return None
    found = KEY.fullmatch(given.strip())
    if found is None:
        raise ApiProblem(
            400, "invalid-idempotency-key", f"{HEADER} is a string of 1 to 255 visible characters."
        )
    key = found[1] or found[2]
    try:
        answer = idempotency.begin(g.api_token.id, key, _request_hash())
    except KeyReused:
        raise ApiProblem(
            422,
            "idempotency-key-reused",
            f"An earlier request with this {HEADER} was another one. Use a new key.",
        ) from None
    except InProgress as error:
        raise ApiProblem(
            409,
            "request-in-progress",
            f"An earlier request with this {HEADER} has no answer yet. Send it again later.",
            headers={"Retry-After": str(error.seconds)},
        ) from None
    if answer is None:
        g.idempotency_key = (g.api_token.id, key)
        return None
    response = Response(answer.body, answer.status, answer.headers)
    response.headers[REPLAYED] = "true"
    return response


def _request_hash() -> str:
    """Return a hash of the request with its body, or with the fields and files of a form."""
    body = hashlib.sha256(request.get_data()).hexdigest()
    # The body of a form is gone, because the form has been read from it.
    files = [
        (name, file.filename, _hash_of(file)) for name, file in request.files.items(multi=True)
    ]
    fields = list(request.form.items(multi=True))
    parts = (request.method, request.full_path, request.mimetype, body, fields, files)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _hash_of(file: FileStorage) -> str:
    stream: Any = file.stream
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return found


def keep(response: Response) -> Response:
    """Store the answer to the first request with a key."""
    first = g.pop("idempotency_key", None)
    if first is None:
        return response
    token_id, key = first
    try:
        if response.status_code in NOT_CARRIED_OUT or response.is_streamed:
            idempotency.forget(token_id, key)
        else:
            headers = {
                name: response.headers[name] for name in KEPT_HEADERS if name in response.headers
            }
            idempotency.keep(
                token_id,
                key,
                status=response.status_code,
                headers=headers,
                body=response.get_data(),
            )
    except SQLAlchemyError:  # A repetition is then told that the first has no answer.
        db.session.rollback()
        logger.exception("the answer to a request with an idempotency key was not stored")
    return response


def describe(
    doc: dict[str, Any], info: dict[str, Any], *, method: str, **_values: Any
) -> dict[str, Any]:
    """Describe the header of operations that take it."""
    if method == "post" and info["access"].writes:
        given = {
            "in": "header",
            "name": HEADER,
            "description": "For 24 hours, the same key and request get the first answer.",
            "schema": {"type": "string", "pattern": f"^({KEY.pattern})$"},
        }
        doc.setdefault("parameters", []).append(given)
    return doc
