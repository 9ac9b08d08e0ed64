"""Answer a repeated POST as the first one (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import logging
import re

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import OperationalError

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
    except InProgress:
        raise ApiProblem(
            409,
            "request-in-progress",
            f"An earlier request with this {HEADER} has no answer yet. Send it again later.",
            headers={"Retry-After": str(int(idempotency.LEASE.total_seconds()))},
        ) from None
    if answer is None:
        g.idempotency_key = (g.api_token.id, key)
        return None
    response = Response(answer.body, answer.status, answer.headers)
    response.headers[REPLAYED] = "true"
    return response


def _request_hash() -> str:
    parts = (request.method, request.full_path, request.mimetype)
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request.get_data()).hexdigest()


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
    except OperationalError:  # A repetition is then told that the first has no answer.
        db.session.rollback()
        logger.exception("the answer to a request with an idempotency key was not stored")
    return response
