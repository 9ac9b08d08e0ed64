"""Dump many rows by a schema, several times as fast as marshmallow.

Marshmallow takes half of the time of a page of 100 users: for each value it looks for the
attribute in two ways, and asks whether it is callable. The fields here are compiled once.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields

from app.features.api.schemas import Timestamp, rfc_3339

Read = Callable[[Any], Any]
# A value of this type is written as it is. Any other value is left to the field.
PLAIN: dict[type[Any], type] = {fields.String: str, fields.Integer: int, fields.Boolean: bool}


def dump_all(schema: Schema, rows: Iterable[Any]) -> list[Any]:
    """Return what `schema.dump(rows, many=True)` returns."""
    rows = list(rows)
    try:
        if not _has_hooks(schema):
            return list(map(_compiled(schema), rows))
    except (AttributeError, TypeError):  # Rows such as mappings, or without some attributes.
        pass
    return list(schema.dump(rows, many=True))


def _has_hooks(schema: Schema) -> bool:
    """Tell whether a schema has functions that run before or after a dump."""
    return any(schema._hooks.get(name) for name in ("pre_dump", "post_dump"))


def _compiled(schema: Schema) -> Read:
    reads = [
        (field.data_key or name, _reader(schema, field, name))
        for name, field in schema.dump_fields.items()
    ]
    return lambda row: {name: read(row) for name, read in reads}


def _reader(schema: Schema, field: fields.Field[Any], name: str) -> Read:
    get = attrgetter(field.attribute or name)
    kind = type(field)
    if kind is Timestamp:
        return lambda row: rfc_3339(get(row))
    if kind is fields.Nested and not field.many and not _has_hooks(field.schema):  # type: ignore[attr-defined]
        inner = _compiled(field.schema)  # type: ignore[attr-defined]
        return lambda row: None if (value := get(row)) is None else inner(value)
    serialize, accessor = field.serialize, schema.get_attribute
    if kind not in PLAIN:
        return lambda row: serialize(name, row, accessor=accessor)
    plain = PLAIN[kind]

    def read(row: Any) -> Any:
        value = get(row)
        is_plain = value is None or type(value) is plain
        return value if is_plain else serialize(name, row, accessor=accessor)

    return read
