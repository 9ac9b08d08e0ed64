"""Save editable pieces of pages. They are sanitised when saved and again when rendered."""

import re

import nh3
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.content.models import EditableHTML
from app.kit import audit, edit_conflicts
from app.models import User

# The HTML that an editor may write. Every visitor sees a saved page, and it must not imitate the
# app around it: so no forms, frames, media, styles or classes.
TAGS = {
    *("a", "b", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p"),
    *("pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}
ATTRIBUTES = {"a": {"href", "title"}}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # of a piece
URL_SCHEMES = {"http", "https", "mailto"}


def sanitise(html: str) -> str:
    """Return `html` with only the allowed tags, attributes and URL schemes."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=URL_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def values_of(piece: EditableHTML) -> dict[str, str]:
    """Return the values of a piece that an edit may overwrite."""
    return {"html": piece.value or ""}


def save(editor_name: str, html: str, *, by: User | None, seen: str | None = None) -> EditableHTML:
    """Save the piece called `editor_name`.

    `seen` is a snapshot of the values that the edit is based on. Raises EditConflict.
    """
    piece = db.session.scalar(
        select(EditableHTML).where(EditableHTML.editor_name == editor_name).with_for_update()
    )
    if piece is None:
        piece = EditableHTML(editor_name=editor_name)
        db.session.add(piece)
    edit_conflicts.ensure_unchanged(seen, values_of(piece), piece, ["page.edited"])
    before, piece.value = piece.value, sanitise(html)
    try:
        db.session.flush()
    except IntegrityError:  # A concurrent request has just inserted it.
        db.session.rollback()
        return save(editor_name, html, by=by, seen=seen)
    if before != piece.value:
        audit.record(
            "page.edited",
            by=by,
            subject=piece,
            label=editor_name,
            changes={"html": (before, piece.value)},
        )
    db.session.commit()
    return piece
