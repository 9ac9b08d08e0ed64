"""Send an ETag with a representation, and change it only if the program has read its last state.

The tag is a hash of the whole representation, so it changes whenever the representation does. A
part after a dot is the hash of PASSIVE fields, which no change of a row is refused for.

No condition of a request is ignored (RFC 9110, 13.2): an operation compares it, or refuses it.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, current_app, request
from flask_smorest.utils import get_appcontext
from marshmallow import Schema
from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from app.features.api.web.facts import TEXT, facts_of, note
from app.features.api.web.problems import ApiProblem
from app.kit.web.methods import SAFE_METHODS

View = Callable[..., Any]
NEEDS_A_TAG = {"PATCH", "PUT", "DELETE"}
COMPARES = "compares"
NO_STATE = "This operation has no ETag to compare. Send the request without If-Match."
# Fields that change while nobody edits the row, such as at each request of the user.
PASSIVE = ("last_seen_at",)
# Compressed answers have a tag of their own (RFC 9110, 8.8.3.3), which flask-compress ends so.
_COMPRESSED = re.compile(r":(gzip|br|zstd|deflate)$")


def versioned(view: View) -> View:
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
            if request.method in SAFE_METHODS:
                if "If-Match" in request.headers and not _has(request.if_match, tag):
                    raise PreconditionFailed
                if _has(request.if_none_match, tag, weak=True):
                    answer = Response(status=304)
            answer.set_etag(tag)
        return answer

    return note(guarded, etag=True)


def compares(view: View) -> View:
    """Mark an operation that calls `ensure_match`, and needs no If-Match."""
    return note(view, **{COMPARES: True})


def ensure_match(schema: type[Schema], row: Any) -> bool:
    """Tell whether the request has If-Match. Raises 412 if it names an earlier state of the row.

    It raises 412 as well if If-None-Match names the present state. The service has to check again
    under its lock: give it a snapshot of what it may change.
    """
    has_condition = "If-Match" in request.headers
    if not has_condition and "If-None-Match" not in request.headers:
        return False
    tag = _tag_of(schema().dump(row)).partition(".")[0]
    # A header without a tag that can be read names no state.
    if has_condition and not _has(_states_in(request.if_match), tag):
        raise PreconditionFailed
    if _has(_states_in(request.if_none_match), tag, weak=True):
        raise PreconditionFailed
    return has_condition


def refuse_other_conditions() -> None:
    """Raise 412 for If-Match with an operation that compares no state."""
    has_condition = "If-Match" in request.headers and not request.if_match.star_tag
    if not has_condition or request.method in SAFE_METHODS:
        return
    facts = facts_of(current_app.view_functions[request.endpoint or ""])
    is_compared = facts.get(COMPARES) or ("etag" in facts and request.method in NEEDS_A_TAG)
    if not is_compared:
        raise ApiProblem(412, "precondition-failed", NO_STATE)


def _tag_of(representation: Any) -> str:
    passive = {name: representation[name] for name in PASSIVE if name in representation}
    state = {name: value for name, value in representation.items() if name not in passive}
    return _hash(state)[:32] + (f".{_hash(passive)[:12]}" if passive else "")


def _hash(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _states_in(given: ETags) -> ETags:
    """Return the parts of tags that change when the row is edited."""
    strong = [_state_in(one) for one in given.as_set()]
    weak = [_state_in(one) for one in given.as_set(include_weak=True) - given.as_set()]
    return ETags(strong, weak, star_tag=given.star_tag)


def _state_in(tag: str | None) -> str:
    return _COMPRESSED.sub("", tag or "").partition(".")[0]


def _has(given: ETags, tag: str, *, weak: bool = False) -> bool:
    """Tell whether a header names a tag. Proxies that compress make weak tags of strong ones."""
    # Werkzeug returns None for the empty tag.
    found = filter(None, given.as_set(include_weak=weak))
    return given.star_tag or tag in {_COMPRESSED.sub("", one) for one in found}


def describe(doc: dict[str, Any], info: dict[str, Any], **_values: Any) -> dict[str, Any]:
    """Describe If-Match where it may be left out. flask-smorest describes it where it is needed."""
    if info.get(COMPARES) and 428 not in doc.get("responses", {}):
        text = "The ETag that the row has to have. It may be left out."
        header = {"in": "header", "name": "If-Match", "description": text, "schema": TEXT}
        doc.setdefault("parameters", []).append(header)
        doc.setdefault("responses", {})[412] = "PRECONDITION_FAILED"
    return doc
