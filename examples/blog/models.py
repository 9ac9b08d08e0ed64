"""Posts, comments, followers and profiles. All rows of a user go when the user is erased."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.models import User

POST_LENGTH = 10_000  # characters
COMMENT_LENGTH = 2_000
ABOUT_LENGTH = 2_000
LOCATION_LENGTH = 64


class CommentState(StrEnum):
    """The states of a comment. Members see comments that are shown, and their own waiting ones."""

    WAITING = "waiting"
    SHOWN = "shown"
    HIDDEN = "hidden"


class Post(db.Model):
    """A text in Markdown. Newer posts have higher ids, and no id is used twice."""

    __tablename__ = "blog_posts"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_blog_posts_author", "author_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    author: Mapped[User] = relationship()


class Comment(db.Model):
    """A text in Markdown below a post."""

    __tablename__ = "blog_comments"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_blog_comments_post", "post_id", "id"),
        Index("ix_blog_comments_author", "author_id"),
        Index("ix_blog_comments_state", "state", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("blog_posts.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default=CommentState.SHOWN)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    author: Mapped[User] = relationship()
    post: Mapped[Post] = relationship()

    @property
    def is_shown(self) -> bool:
        return self.state == CommentState.SHOWN


class Follow(db.Model):
    """One member follows another. The primary key keeps the pair unique."""

    __tablename__ = "blog_follows"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("follower_id <> followed_id", name="not_oneself"),
        Index("ix_blog_follows_followed", "followed_id", "follower_id"),
    )

    follower_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    followed_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class MemberProfile(db.Model):
    """The words of a member about themselves."""

    __tablename__ = "blog_profiles"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    location: Mapped[str] = mapped_column(String(LOCATION_LENGTH), default="")
    about: Mapped[str] = mapped_column(Text, default="")
