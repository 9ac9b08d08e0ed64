"""Read a body of JSON without leniency (RFC 8259, RFC 7493).

Python also takes other encodings, NaN, duplicate keys, and text that no database can store.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Request, request
from marshmallow import RAISE, Schema, missing
from webargs.flaskparser import FlaskParser

from app.features.api.web.facts import facts_of
from app.features.api.web.problems import ApiProblem, invalid, slug
from app.kit.database import HIGHEST_BIG_INTEGER
from app.kit.web.methods import SAFE_METHODS

DEEPEST = 32
NO_VALUES = "This operation takes no values. Send no body, or {}."
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class StrictParser(FlaskParser):
    """Parses the arguments of operations, with bodies of strict JSON and no unknown parameter."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def _raw_load_json(self, req: Request) -> Any:
        body = req.get_data(cache=True)
        return loads(body) if body.strip() else missing

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Return the parameters of the URL. One that comes twice has no single value."""
        if twice := [name for name in req.args if len(req.args.getlist(name)) > 1]:
            raise invalid(**dict.fromkeys(twice, "Send this parameter once."))
        return super().load_querystring(req, schema)


def loads(body: bytes) -> Any:
    """Return the value of a body. Raises ApiProblem with the reason."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        refuse("The body is not UTF-8.")
    if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
        refuse(f"The body is nested more than {DEEPEST} levels deep.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=lambda name: refuse(f"{name} is no number of JSON."),
            parse_float=_finite,
            parse_int=_storable,
        )
    except json.JSONDecodeError as error:
        refuse(f"The body is not JSON: {error}.")
    if "\\u" in text or "\0" in text:
        for one in _strings(value):
            if _UNSTORABLE.search(one):
                refuse("The body has a NUL or a half of a surrogate pair in a text.")
    return value


def refuse_unread(view: Any) -> None:
    """Raise ApiProblem for values in the body of an operation that reads none.

    A program that sends values relies on them.
    """
    if request.method in SAFE_METHODS or not request.content_length:
        return
    facts = facts_of(view)
    read = facts.get("arguments", {}).get("parameters", ())
    if any(one["in"] == "json" for one in read) or "requestBody" in facts.get("manual_doc", {}):
        return
    if (body := request.get_data()).strip() and loads(body) != {}:
        raise ApiProblem(422, slug(422), NO_VALUES)


def refuse(detail: str) -> NoReturn:
    raise ApiProblem(400, "bad-request", detail)


def _depth(text: str) -> int:
    """Return how deep brackets are nested outside of texts."""
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        refuse("An object has the same name twice.")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        refuse("A number is too large.")
    return number


def _storable(text: str) -> int:
    # A text of thousands of digits takes too long to parse.
    if len(text) > len(str(HIGHEST_BIG_INTEGER)) + 1 or abs(int(text)) > HIGHEST_BIG_INTEGER:
        refuse("A number is too large.")
    return int(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
