"""Editable pieces of pages in the API."""

from typing import Any

from flask import url_for
from marshmallow import fields, validate
from werkzeug.exceptions import NotFound

from app.features.api import (
    ApiProblem,
    ApiSchema,
    Text,
    api,
    ensure_match,
    reads,
    versioned,
    writes,
)
from app.features.content import pages
from app.features.content.forms import LARGEST_PAGE
from app.features.content.models import EditableHTML
from app.kit import edit_conflicts
from app.models import Permission
from app.sign_in import me

TAGS = ["Pages"]
EXAMPLE = {"example": "<p>We repair bicycles.</p>"}


class PageChangeSchema(ApiSchema):
    """The HTML of a page. Tags that are not allowed are left out."""

    html = Text(required=True, most=LARGEST_PAGE, lines=True, attribute="value", metadata=EXAMPLE)


class PageSchema(PageChangeSchema):
    """A page with a name, such as "about"."""

    name = fields.String(
        required=True,
        attribute="editor_name",
        validate=validate.Regexp(rf"^{pages.NAME.pattern}\Z", error="Use only a-z, 0-9, _ and -."),
        metadata={"example": "imprint"},
    )


@api.post("/pages", tags=TAGS)
@writes(Permission.MANAGE_CONTENT)
@versioned
@api.arguments(PageSchema)
@api.response(201, PageSchema)
def create_page(values: dict[str, str]) -> Any:
    """Write a page that has no text yet.

    A template of the app shows it.
    """
    name = values["editor_name"]
    piece = EditableHTML.get_editable_html(name)
    if piece.value:
        raise ApiProblem(409, "page-exists", "The page has a text already. Change it with PATCH.")
    saved = _save(piece, values["value"])
    return saved, {"Location": url_for("api.get_page", page_name=name)}


@api.get("/pages/<page_name>", tags=TAGS)
@reads(Permission.MANAGE_CONTENT)
@versioned
@api.response(200, PageSchema)
def get_page(page_name: str) -> EditableHTML:
    """Get the text of a page."""
    return _page(page_name)


@api.patch("/pages/<page_name>", tags=TAGS)
@writes(Permission.MANAGE_CONTENT)
@versioned
@api.arguments(PageChangeSchema)
@api.response(200, PageSchema)
def change_page(values: dict[str, str], page_name: str) -> EditableHTML:
    """Change the text of a page."""
    piece = _page(page_name)
    ensure_match(PageSchema, piece)
    return _save(piece, values["value"])


def _save(piece: EditableHTML, html: str) -> EditableHTML:
    seen = edit_conflicts.snapshot(pages.values_of(piece))
    return pages.save(piece.editor_name, html, by=me(), seen=seen)


def _page(name: str) -> EditableHTML:
    piece = EditableHTML.get_editable_html(name[:100].replace("\0", ""))
    if piece.id is None:
        raise NotFound
    return piece
