"""The table of profiles."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, backref, mapped_column, relationship

from app.extensions import db
from app.kit import storage
from app.kit.names import NAME_LENGTH
from app.models import User
from app.models.user_loader import LOADED_WITH

URL_LENGTH = 2_000
ABOUT_LENGTH = 1_000


class Profile(db.Model):
    """The facts that a user shows of themselves. A user without any has no row."""

    __tablename__ = "profiles"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    picture_id: Mapped[int | None] = mapped_column(
        ForeignKey("stored_files.id", ondelete="SET NULL"), index=True
    )
    picture_name: Mapped[str] = mapped_column(String(32), default="")
    """The generated name of the picture, which is part of its URL, or "" without a picture."""

    display_name: Mapped[str] = mapped_column(String(NAME_LENGTH), default="", server_default="")
    about: Mapped[str] = mapped_column(Text, default="", server_default="", deferred=True)
    location: Mapped[str] = mapped_column(String(NAME_LENGTH), default="", server_default="")
    website: Mapped[str] = mapped_column(String(URL_LENGTH), default="", server_default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """A time zone such as Europe/Berlin, or "" for UTC."""
    date_format: Mapped[str] = mapped_column(String(16), default="", server_default="")
    """A key of app.kit.web.times.FORMATS."""
    is_public: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the user shows a page of themselves to everyone."""

    user: Mapped[User] = relationship(
        backref=backref("profile", uselist=False, passive_deletes=True, cascade="all")
    )


# Every page shows the picture of its reader, so the query of the session loads the profile too.
LOADED_WITH.append("profile")
PICTURE = storage.kind("picture", owner=Profile.picture_id)
