"""Pieces of pages that administrators edit, sanitised on the way in and again on the way out."""

import nh3
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.content.models import EditableHTML
from app.kit import audit
from app.models import User

# What an editor may write. No forms, frames, media, styles or classes: what is saved is shown to
# every visitor, and a saved page must not be able to pose as the app around it.
TAGS = {
    *("a", "b", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p"),
    *("pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}
ATTRIBUTES = {"a": {"href", "title"}}
URL_SCHEMES = {"http", "https", "mailto"}


def sanitise(html: str) -> str:
    """Return `html` with only the tags, attributes and addresses that are known to be harmless."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=URL_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def save(editor_name: str, html: str, *, by: User | None) -> EditableHTML:
    """Store the piece called `editor_name`."""
    piece = db.session.scalar(
        select(EditableHTML).where(EditableHTML.editor_name == editor_name).with_for_update()
    )
    if piece is None:
        piece = EditableHTML(editor_name=editor_name)
        db.session.add(piece)
    before, piece.value = piece.value, sanitise(html)
    try:
        db.session.flush()
    except IntegrityError:  # Someone else has just written it for the first time.
        db.session.rollback()
        return save(editor_name, html, by=by)
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
