"""Pieces of pages that administrators can edit in place."""

from __future__ import annotations

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db


class EditableHTML(db.Model):
    """One editable piece of HTML, sanitised by app.features.content.pages."""

    __tablename__ = "editable_html"

    id: Mapped[int] = mapped_column(primary_key=True)
    editor_name: Mapped[str] = mapped_column(String(64), unique=True)
    value: Mapped[str] = mapped_column(Text, default="")

    @staticmethod
    def get_editable_html(editor_name: str) -> EditableHTML:
        """Return the piece called `editor_name`, or a new, empty piece that is not saved yet."""
        found = db.session.scalar(
            select(EditableHTML).where(EditableHTML.editor_name == editor_name)
        )
        return found or EditableHTML(editor_name=editor_name, value="")
