"""Render the rows of a table page.

A template takes a microsecond or more for each part of a page, and a page of 100 rows has thousands
of parts. Rows differ in their contents alone. So the macro runs once for each kind of row, with a
mark in each place that differs, and the contents replace the marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from app.kit.tables.actions import RowAction
from app.kit.tables.columns import Column
from app.kit.web import avatars, table_cells

if TYPE_CHECKING:
    from app.kit.web.shown_tables import ShownTable

MARK = re.compile("\0([0-9]+)\0")  # HTML cannot contain a NUL
ESCAPED = re.compile("[&<>'\"]")


class Line(NamedTuple):
    """A row as a macro shows it, with marks as its contents.

    `cells` are labels, classes and contents. `actions` are URLs and actions.
    """

    id: Markup
    url: Markup
    name: Markup
    main: Markup
    avatar: Markup
    sub: Markup
    cells: list[tuple[str, str, Markup]]
    actions: list[tuple[Markup, RowAction]]
    may_pick: bool


@dataclass
class RowKind:
    """The HTML of rows that differ in their contents alone.

    Every second piece is a content, of which `contents` has the number.
    """

    pieces: list[str]
    contents: list[int]


def rendered(shown: ShownTable, macro: Callable[..., Any]) -> Markup:
    """Return all rows of a page, each as `macro(line, shown)` writes it."""
    main, sub = table_cells.writer(shown.main), shown.main.sub
    write_sub = table_cells.macro(sub) if isinstance(sub, str) else sub
    writers = [_writer(column, shown) for column in shown.columns if not column.main]
    url_of, name_of = shown.url_of(shown.main), shown.name_of
    may_pick = shown.picks.may_pick if shown.picks else None
    offered_if = [(number, one.is_offered) for number, one in enumerate(shown.actions)]
    kinds: dict[Any, RowKind] = {}
    rows: list[str] = []
    avatar = avatars.avatar_writer(shown.page.rows) if shown.main.avatar else None
    for row in shown.page.rows:
        contents = [
            getattr(row, shown.key),
            url_of(row) if url_of else "",
            name_of(row),
            main(row),
            avatar(row) if avatar else "",
            write_sub(row) if write_sub else "",
            *(write(row) for write in writers),
        ]
        is_there = tuple([content != "" for content in contents[:6]])
        is_picked = bool(may_pick and may_pick(row))
        offered = tuple([number for number, check in offered_if if check is None or check(row)])
        kind = kinds.get((is_there, is_picked, offered))
        if kind is None:
            line = _line(shown, is_there, may_pick=is_picked, offered=offered)
            kind = kinds[is_there, is_picked, offered] = _kind(macro(line, shown))
        texts = [_text(one) for one in contents]
        kind.pieces[1::2] = map(texts.__getitem__, kind.contents)
        rows += kind.pieces
    return Markup("".join(rows))  # noqa: S704 - escaped above


def _writer(column: Column, shown: ShownTable) -> Callable[[Any], Any]:
    """Return the function that writes the cell of a column, with the column's link."""
    write, url_of = table_cells.writer(column), shown.url_of(column)
    if url_of is None:
        return write

    def write_link(row: Any) -> Any:
        content = write(row)
        if content == column.none or not (url := url_of(row)):
            return content
        return Markup('<a href="{}">{}</a>').format(url, content)

    return write_link


def _line(
    shown: ShownTable, is_there: tuple[bool, ...], *, may_pick: bool, offered: tuple[int, ...]
) -> Line:
    marks = [_mark(number) if there else Markup() for number, there in enumerate(is_there)]
    identity, url, name, main, avatar, sub = marks
    columns = [column for column in shown.columns if not column.main]
    return Line(
        id=identity,
        url=url,
        name=name,
        main=main,
        avatar=avatar,
        sub=sub,
        cells=[
            (one.label, one.css, _mark(number)) for number, one in enumerate(columns, len(marks))
        ],
        actions=[
            (escape(before) + identity + escape(after), one)
            for one, before, after in (shown.actions_around_id[number] for number in offered)
        ],
        may_pick=may_pick,
    )


def _text(content: Any) -> str:
    """Return the HTML of a content. `escape` is slow, and few texts have something to escape."""
    if type(content) is Markup or (type(content) is str and not ESCAPED.search(content)):
        return content
    return str(content) if type(content) is int else escape(content)


def _mark(number: int) -> Markup:
    return Markup(f"\0{number}\0")  # noqa: S704 - a number


def _kind(html: str) -> RowKind:
    pieces = MARK.split(html)
    return RowKind(pieces, [int(number) for number in pieces[1::2]])
