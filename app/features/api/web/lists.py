"""Answer with a page of a declared table: search, filters, order, cursors, and chosen fields.

The parameters are those of the page of the list. In place of pages there is a cursor, and in place
of notices an error, because a program reads none.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial, wraps
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import Schema, fields
from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from app.features.api.web import problems
from app.features.api.web.dumping import dump_all
from app.features.api.web.facts import TEXT, note
from app.kit.database import whole_number
from app.kit.tables import asked as reading
from app.kit.tables import paging
from app.kit.tables import table as tables
from app.kit.tables.asked import HIGHEST_PAGE, Asked
from app.kit.tables.cursors import LONGEST, NotACursor
from app.kit.tables.filters import Choice, Filter, Relation, YesNo
from app.kit.tables.page import TablePage
from app.kit.tables.table import Table

LIMIT, MOST = 50, 100  # rows of a page
OWN = ("limit", "cursor", "sort", "fields")

Where = Sequence[ColumnElement[bool]]
Rows = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class ListedResource:
    """A table as a resource: its endpoint, the schema of a row, and a function of a page's rows.

    A feature may replace the table of an endpoint, so the table is looked up when it is needed.
    """

    endpoint: str
    schema: type[Schema]
    rows: Rows | None

    def __deepcopy__(self, _memo: Any) -> ListedResource:
        return self  # flask-smorest copies the facts about an operation

    @property
    def table(self) -> Table:
        return next(one for one in tables.declared() if one.endpoint == self.endpoint)


def lists(
    table: Table | str, schema: type[Schema], *, rows: Rows | None = None
) -> Callable[[Callable[..., Where]], Callable[..., Any]]:
    """Answer with a page of `table`, whose rows have this schema.

    The decorated function returns the conditions of the rows that the token may see, or []. `rows`
    turns the rows of the page into those that the schema dumps. A table that is declared later is
    named by its endpoint.
    """
    endpoint = table if isinstance(table, str) else table.endpoint
    resource = ListedResource(endpoint, schema, rows)

    def decorate(view: Callable[..., Where]) -> Callable[..., Any]:
        @wraps(view)
        def answer(**values: Any) -> Any:
            return _answer(resource, list(view(**values)))

        return note(answer, list=resource)

    return decorate


def _answer(resource: ListedResource, where: Where) -> Any:
    table, names = resource.table, _fields(resource.schema)
    asked = _asked(table)
    with cursor_refused():
        asked = replace(asked, **place_of(request.args.get("cursor", "")))
        page = table.find(asked) if table.find else paging.find(asked, where)
    rows = resource.rows(page.rows) if resource.rows else page.rows
    return page_response(page, dump_all(_dumper(resource.schema, names), rows))


@contextmanager
def cursor_refused() -> Iterator[None]:
    """Raise ApiProblem for a cursor that is not one of the list."""
    try:
        yield
    except NotACursor:
        raise problems.invalid(cursor="This is no cursor of the list as it is asked for.") from None


def page_response(page: TablePage, items: Sequence[Any]) -> Any:
    """Return a page of a list, with the items that its rows are dumped to."""
    links, total = dict(_links(page)), page.total
    body = {
        "items": items,
        "next": links.get("next"),
        "prev": links.get("prev"),
        "count": total.count if total.is_known else None,
        "count_is": total.kind,
    }
    response = current_app.json.response(body)
    if links:
        response.headers["Link"] = ", ".join(
            f'<{url}>; rel="{name}"' for name, url in links.items()
        )
    return response


def whole_list(
    schema: type[Schema],
) -> Callable[[Callable[..., Sequence[Any]]], Callable[..., Any]]:
    """Answer with all the rows that the decorated function returns, for lists that are short."""

    def decorate(view: Callable[..., Sequence[Any]]) -> Callable[..., Any]:
        @wraps(view)
        def answer(**values: Any) -> Any:
            if request.args:
                raise problems.invalid(**dict.fromkeys(request.args, "The list has no parameters."))
            rows = view(**values)
            return current_app.json.response(
                {
                    "items": dump_all(_dumper(schema, ()), rows),
                    "next": None,
                    "prev": None,
                    "count": len(rows),
                    "count_is": "exact",
                }
            )

        return lists_rows(schema)(answer)

    return decorate


def lists_rows(schema: type[Schema]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Describe the answer of an operation as a list of rows with a schema."""
    return partial(note, whole_list=schema)


@cache
def _dumper(schema: type[Schema], names: tuple[str, ...]) -> Schema:
    return schema(only=names or None)


def _fields(schema: type[Schema]) -> tuple[str, ...]:
    """Return the names that `fields=` chooses, or none for all."""
    given = request.args.get("fields", "")
    names = tuple(sorted({name.strip() for name in given.split(",")})) if given else ()
    known = _dumper(schema, ()).dump_fields
    if wrong := [name for name in names if name not in known]:
        sentence = f"{', '.join(wrong)[:100]} is not one of {', '.join(known)}."
        raise problems.invalid(fields=sentence)
    return names


def _asked(table: Table) -> Asked:
    """Return the list that the URL asks for. Raises ApiProblem if a parameter makes no sense."""
    wrong = dict(_wrong(table))
    if wrong:
        raise problems.invalid(**wrong)
    given = {name: value for name, value in request.args.items() if name not in {"limit", "cursor"}}
    limit = int(request.args.get("limit", LIMIT))
    return reading.read(table, MultiDict(given), per_page=limit)


def _wrong(table: Table) -> Iterator[tuple[str, str]]:
    """Yield the parameters that make no sense, and what is wrong with them."""
    args, known = request.args, _known(table)
    for name in args:
        if name not in known:
            yield name, f"The list has no such parameter. It has {', '.join(sorted(known))}."
        elif len(args.getlist(name)) > 1:
            yield name, "Send this parameter once."
    limit, sort = args.get("limit", ""), args.get("sort", "")
    if "limit" in args and not 0 < (whole_number(limit[:5]) or 0) <= MOST:
        yield "limit", f"Send a whole number from 1 to {MOST}."
    if sort and sort not in _sorts(table):
        yield "sort", f"Send one of {', '.join(_sorts(table))}."
    for one in table.filters:
        if notices := one.read(args, table.model).notices:
            yield next((name for name in one.parameters if args.get(name)), one.key), notices[0]


def _sorts(table: Table) -> list[str]:
    names = dict.fromkeys([table.order.removeprefix("-"), *(c.name for c in table.all_columns)])
    return [f"{sign}{name}" for name in names if table.sorts(name) for sign in ("", "-")]


# Cursors: the parameters of the page of the list, which may be a cursor of the engine or a number.


def _links(page: TablePage) -> Iterator[tuple[str, str]]:
    for name, parameters in page.links.items():
        if name != "last" or parameters:
            yield name, _url(parameters)


def _url(parameters: Mapping[str, Any]) -> str:
    query = {name: value for name, value in request.args.items() if name != "cursor"}
    if parameters:
        text = json.dumps(parameters, separators=(",", ":"))
        query["cursor"] = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{request.base_url}?{urlencode(query)}" if query else request.base_url


def place_of(cursor: str) -> dict[str, Any]:
    """Return the page that a cursor names: what it is after or before, or its number.

    Raises NotACursor.
    """
    if not cursor:
        return {}
    if len(cursor) > 2 * LONGEST or not cursor.isascii():
        raise NotACursor
    try:
        parameters = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (NotBase64, ValueError, RecursionError):
        raise NotACursor from None
    match parameters:
        case {"after": str() | int() as place} if place:
            return {"after": str(place)}
        case {"before": str() | int() as place} if place:
            return {"before": str(place)}
        case {"last": 1}:
            return {"last": True}
        case {"page": int(number)} if 0 < number <= HIGHEST_PAGE:
            return {"page": number}
        case {"page": ""}:
            return {"page": 1}
    raise NotACursor


# The description


@dataclass(frozen=True)
class _Parameter:
    name: str
    description: str
    schema: Mapping[str, Any]


def _known(table: Table) -> set[str]:
    """Return the names of the parameters of a list."""
    return {*OWN, *dict(narrowing(table))}


def narrowing(table: Table) -> Iterator[tuple[str, str]]:
    """Yield the parameters of search and filters, with a description."""
    if table.search or table.find:
        yield table.search_parameter, "Words, all of which have to match."
    for one in table.filters:
        ends = ("", "") if len(one.parameters) == 1 else (" or more", " or less")
        if one.control == "days":
            ends = (", from this day", ", to this day")
        for name, end in zip(one.parameters, ends, strict=False):
            yield name, f"{one.title}{end}."


def _parameters(table: Table, schema: type[Schema]) -> Iterator[_Parameter]:
    limit = {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}
    yield _Parameter("limit", "The most items of a page.", limit)
    yield _Parameter("cursor", "The place that `next` or `prev` names.", {"type": "string"})
    name = f"({'|'.join(schema().dump_fields)})"
    names = {"type": "string", "pattern": f"^({name}(,{name})*)?$"}
    yield _Parameter("fields", "Names of fields, with commas between them.", names)
    if sorts := _sorts(table):
        sort = {"type": "string", "enum": sorts, "default": table.order}
        yield _Parameter("sort", "The order; a minus is for descending.", sort)
    schemas = {name: _schema(one) for one in table.filters for name in one.parameters}
    for name, description in narrowing(table):
        yield _Parameter(name, description, schemas.get(name, {"type": "string"}))


def _schema(one: Filter) -> dict[str, Any]:
    if isinstance(one, YesNo) or (isinstance(one, Choice) and not _is_dynamic(one)):
        # An empty value is the same as none.
        values = dict.fromkeys([*(value for value, _label in one.options()), ""])
        return {"type": "string", "enum": [*values]}
    if isinstance(one, Relation) and one.choices:
        return {"type": "integer"}
    if one.control == "days":
        return {"type": "string", "anyOf": [{"format": "date"}, {"maxLength": 0}]}
    return {"type": "string"}


def _is_dynamic(one: Choice) -> bool:
    """Tell whether the choices are read when they are needed, such as from the database."""
    return one.groups is not None or (callable(one.choices) and not isinstance(one.choices, type))


@cache
def _page_of(schema: type[Schema], *, has_fields: bool) -> type[Schema]:
    """Return the schema of a page. It is the same for all lists of the same rows.

    With the parameter `fields`, an item has only some of them.
    """
    name, item = schema.__name__.removesuffix("Schema"), cast("Any", schema)
    if has_fields:
        item = type(f"Listed{schema.__name__}", (schema,), {})(partial=True)
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.Url(required=True, allow_none=True),
            "prev": fields.Url(required=True, allow_none=True),
            "count": fields.Integer(required=True, allow_none=True),
            "count_is": fields.String(
                required=True, metadata={"enum": ["exact", "about", "more", "unknown"]}
            ),
        },
        name=f"{name}List" if has_fields else f"Whole{name}List",
    )


def describe(doc: dict[str, Any], info: dict[str, Any], **_values: Any) -> dict[str, Any]:
    """Describe the parameters and the answer of a list."""
    resource: ListedResource | None = info.get("list")
    schema = resource.schema if resource else info.get("whole_list")
    if schema is None:
        return doc
    parameters = _parameters(resource.table, resource.schema) if resource else ()
    doc.setdefault("parameters", []).extend(
        {"in": "query", "name": one.name, "description": one.description, "schema": one.schema}
        for one in parameters
    )
    content = {"application/json": {"schema": _page_of(schema, has_fields=resource is not None)}}
    doc.setdefault("responses", {})[200] = {
        "description": "A page of the list",
        "headers": {"Link": {"schema": TEXT}},
        "content": content,
    }
    doc["responses"].setdefault(422, HTTPStatus(422).name)
    return doc
