"""Turn the description in OpenAPI into what its pages show: fields, examples and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.features.api.example_calls import PREFIX, ExampleCall, Json
from app.features.api.web.problems import DETAILS

_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
METHODS = ("get", "post", "patch", "put", "delete")
# Values of fields whose schema names no example, by the format or the type.
EXAMPLES = {
    "email": "grace@example.com",
    "date": "2031-03-09",
    "date-time": "2031-03-09T12:00:00Z",
    "url": "https://app.example.com/api/v1",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "string": "Text",
}


@dataclass(frozen=True)
class Described:
    """A parameter or a field."""

    name: str
    kind: str
    text: str
    is_required: bool
    place: str = ""


@dataclass(frozen=True)
class Operation:
    """An operation, as its section of a page shows it."""

    key: str
    method: str
    path: str
    title: str
    text: str
    needs: list[str]
    parameters: list[Described]
    fields: list[Described]
    answers: list[tuple[str, str]]
    example: str
    curl: str
    python: str


@dataclass(frozen=True)
class Group:
    """The operations on one kind of thing."""

    name: str
    operations: list[Operation]

    @property
    def slug(self) -> str:
        return slug_of(self.name)


def slug_of(text: str) -> str:
    return _BETWEEN_WORDS.sub("-", text.lower()).strip("-")


def groups(description: Json) -> list[Group]:
    """Return the groups of a description by name, each with its operations by path."""
    found: dict[str, list[Operation]] = {}
    for path, operations in sorted(description["paths"].items()):
        for method in METHODS:
            if method in operations:
                tag = operations[method]["tags"][0]
                found.setdefault(tag, []).append(_operation(description, path, method))
    return [Group(name, found[name]) for name in sorted(found)]


def with_examples(description: dict[str, Any]) -> dict[str, Any]:
    """Add an example to each body and answer of a description, and a name to each operation."""
    for path, operations in description["paths"].items():
        for method in METHODS:
            if (operation := operations.get(method)) is None:
                continue
            operation["operationId"] = slug_of(f"{method} {path.removeprefix(PREFIX)}")
            answers = operation["responses"].items()
            holders = [(one, "writeOnly") for status, one in answers if str(status)[0] == "2"]
            for holder, hidden in [(operation.get("requestBody", {}), "readOnly"), *holders]:
                content = holder.get("content", {}).get("application/json", {})
                if "schema" in content:
                    example = example_of(content["schema"], description, hidden=hidden)
                    content.setdefault("example", example)
    return description


def _operation(description: Json, path: str, method: str) -> Operation:
    found = description["paths"][path][method]
    given = [*description["paths"][path].get("parameters", []), *found.get("parameters", [])]
    parameters = [_resolved(one, description) for one in given]
    bodies = found.get("requestBody", {}).get("content", {})
    body = bodies.get("application/json")
    files = ((kind, one["example"]) for kind, one in bodies.items() if kind.startswith("text/"))
    needs = [" and ".join(one["token"]) for one in found.get("security", [])]
    contents = (one.get("content", {}) for one in found["responses"].values())
    example = next(
        (one["application/json"]["example"] for one in contents if "application/json" in one), None
    )
    call = ExampleCall(
        base=description["servers"][0]["url"],
        path=path,
        method=method,
        parameters=parameters,
        body=body["example"] if body else None,
        file=next(files, None),
        has_token=bool(needs),
    )
    return Operation(
        key=found["operationId"],
        method=method.upper(),
        path=path,
        title=found.get("summary", "").removesuffix("."),
        text=" ".join(found.get("description", "").split()),
        needs=needs,
        parameters=[_parameter(one) for one in parameters],
        fields=list(_fields(body["schema"], description)) if body else [],
        answers=list(_answers(found["responses"])),
        example=json.dumps(example, indent=2, ensure_ascii=False) if example is not None else "",
        curl=call.curl(),
        python=call.python(),
    )


def _resolved(schema: Json, description: Json) -> Json:
    """Follow a reference, and the choice of a schema beside null."""
    if "$ref" in schema:
        place: Any = description
        for part in schema["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        return _resolved(place, description)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            return _resolved(schema[key][0], description)
    return schema


def _kinds(schema: Json) -> list[str]:
    kinds = schema.get("type", "object")
    return [kinds] if isinstance(kinds, str) else list(kinds)


def example_of(schema: Json, description: Json, *, hidden: str) -> Any:
    """Return an example of a schema, without the fields marked as `hidden`."""
    if "example" in schema:
        return schema["example"]
    schema = _resolved(schema, description)
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    if "enum" in schema:
        return schema["enum"][0]
    kind = next((one for one in _kinds(schema) if one != "null"), "object")
    if kind == "array":
        return [example_of(schema.get("items", {}), description, hidden=hidden)]
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: example_of(one, description, hidden=hidden)
            for name, one in properties.items()
            if not one.get(hidden)
        }
    return EXAMPLES.get(schema.get("format", ""), EXAMPLES.get(kind))


def _fields(schema: Json, description: Json) -> Iterator[Described]:
    found = _resolved(schema, description)
    for name, one in found.get("properties", {}).items():
        if not one.get("readOnly"):
            text = one.get("description", "")
            kind = _kind(_resolved(one, description))
            yield Described(name, kind, text, name in found.get("required", []))


def _parameter(one: Json) -> Described:
    schema = one.get("schema", {})
    is_required = bool(one.get("required"))
    text = one.get("description", "")
    return Described(one["name"], _kind(schema), text, is_required, one["in"])


def _kind(schema: Json) -> str:
    """Describe the type of a value in words."""
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"] if one is not None)
    if "items" in schema and "enum" in schema["items"]:
        return f"list of {_kind(schema['items'])}"
    kinds = [one.replace("array", "list") for one in _kinds(schema)]
    kinds[0] = {"email": "email", "date": "day", "date-time": "time", "url": "URL"}.get(
        schema.get("format", ""), kinds[0]
    )
    limits = [
        f"{word} {schema[key]}"
        for word, key in (("from", "minimum"), ("to", "maximum"), ("up to", "maxLength"))
        if key in schema and schema[key] < 2**31 - 1 and (key != "minimum" or schema[key])
    ]
    return " ".join([" or ".join(kinds), *limits])


def _answers(responses: Json) -> Iterator[tuple[str, str]]:
    for status, response in sorted(responses.items(), key=lambda pair: str(pair[0])):
        if str(status).isdigit():
            text = DETAILS.get(int(status)) or response.get("description", "")
            yield str(status), text
