"""Send an ETag with a representation, and change it only if the program has read its last state.

The tag is a hash of the whole representation, so it changes whenever the representation does. A
part after a dot is the hash of PASSIVE fields, which If-Match does not compare.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request
from flask_smorest.utils import get_appcontext
from marshmallow import Schema
from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from app.kit.web.methods import SAFE_METHODS

NEEDS_A_TAG = {"PATCH", "PUT", "DELETE"}
# Fields that change while nobody edits the row, such as at each request of the user.
PASSIVE = ("last_seen_at",)
# Compressed answers have a tag of their own (RFC 9110, 8.8.3.3), which flask-compress ends so.
_COMPRESSED = re.compile(r":(gzip|br|zstd|deflate)$")


def versioned(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send an ETag with the answer of an operation, and demand If-Match for PATCH and DELETE.

    Put it above `@api.response`. The operation calls `ensure_match` with the row.
    """

    @wraps(view)
    def guarded(*arguments: Any, **values: Any) -> Any:
        if request.method in NEEDS_A_TAG and not request.if_match:
            raise PreconditionRequired
        answer: Response = view(*arguments, **values)
        if not answer.is_streamed and answer.get_data():
            tag = _tag_of(get_appcontext()["result_dump"])
            if request.method in SAFE_METHODS and _has(request.if_none_match, tag, weak=True):
                answer = Response(status=304)
            answer.set_etag(tag)
        return answer

    guarded._apidoc = {**getattr(view, "_apidoc", {}), "etag": True}  # type: ignore[attr-defined]
    return guarded


def ensure_match(schema: type[Schema], row: Any) -> bool:
    """Tell whether the request has If-Match. Raises 412 if it names an earlier state of the row.

    The service has to check again under its lock: give it a snapshot of what it may change.
    """
    if not request.if_match:
        return False
    tag = _tag_of(schema().dump(row)).partition(".")[0]
    given = ETags([_state_in(one) for one in request.if_match], star_tag=request.if_match.star_tag)
    if not _has(given, tag):
        raise PreconditionFailed
    return True


def _tag_of(representation: Any) -> str:
    passive = {name: representation[name] for name in PASSIVE if name in representation}
    state = {name: value for name, value in representation.items() if name not in passive}
    return _hash(state)[:32] + (f".{_hash(passive)[:12]}" if passive else "")


def _hash(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _state_in(tag: str) -> str:
    """Return the part of a tag that changes when the row is edited."""
    return _COMPRESSED.sub("", tag or "").partition(".")[0]


def _has(given: ETags, tag: str, *, weak: bool = False) -> bool:
    """Tell whether a header names a tag. Proxies that compress make weak tags of strong ones."""
    # Werkzeug returns None for the empty tag.
    found = filter(None, given.as_set(include_weak=weak))
    return given.star_tag or tag in {_COMPRESSED.sub("", one) for one in found}
