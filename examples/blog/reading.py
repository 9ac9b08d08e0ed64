"""Find posts, comments and members. Nobody sees those of suspended, deleted or unconfirmed users.

Lists are read by keyset: `before` and `after` are the ids at which the page before ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager

from app.extensions import db
from app.features.blog.models import Comment, CommentState, Follow, MemberProfile, Post
from app.models import User

POSTS = 20  # on a page
COMMENTS = 50
MEMBERS = 50


@dataclass(frozen=True)
class PostPage:
    """Posts, newest first, the number of comments of each, and the id to go on from."""

    rows: Sequence[Post]
    comments: Mapping[int, int]
    before: int | None


@dataclass(frozen=True)
class CommentPage:
    """Comments of a post, oldest first, and the id to go on from."""

    rows: Sequence[Comment]
    after: int | None


@dataclass(frozen=True)
class MemberPage:
    """Members, newest first, and the id to go on from."""

    rows: Sequence[User]
    before: int | None


@dataclass(frozen=True)
class Member:
    """The facts on the page of a member, for one viewer."""

    user: User
    profile: MemberProfile
    posts: int
    followers: int
    following: int
    is_followed: bool


def is_member() -> ColumnElement[bool]:
    """Return the condition that other members see a user."""
    is_active = User.suspended_at.is_(None) & User.deleted_at.is_(None)
    return and_(is_active, User.confirmed)


def timeline(user: User, *, everyone: bool, before: int | None = None) -> PostPage:
    """Return a page of posts: those of all members, or of `user` and members they follow."""
    followed = select(Follow.followed_id).where(Follow.follower_id == user.id)
    chosen = or_(Post.author_id == user.id, Post.author_id.in_(followed))
    return _posts(_visible_posts() if everyone else _visible_posts().where(chosen), before)


def posts_of(member: User, *, before: int | None = None) -> PostPage:
    """Return a page of the posts of a member."""
    return _posts(_visible_posts().where(Post.author_id == member.id), before)


def post(post_id: int) -> Post | None:
    """Return a post, unless its author is hidden."""
    return db.session.scalar(_visible_posts().where(Post.id == post_id))


def comments_of(post: Post, *, viewer: User, after: int | None = None) -> CommentPage:
    """Return a page of the comments that `viewer` sees, with their own waiting ones."""
    own = and_(Comment.author_id == viewer.id, Comment.state == CommentState.WAITING)
    query = (
        _visible_comments(or_(Comment.state == CommentState.SHOWN, own))
        .where(Comment.post_id == post.id, Comment.id > (after or 0))
        .order_by(Comment.id)
    )
    rows = db.session.scalars(query.limit(COMMENTS + 1)).all()
    return CommentPage(rows[:COMMENTS], rows[COMMENTS - 1].id if len(rows) > COMMENTS else None)


def member(user_id: int, *, viewer: User) -> Member | None:
    """Return a member with the numbers of their page, or None for hidden users."""
    user = db.session.scalar(select(User).where(User.id == user_id, is_member()))
    if user is None:
        return None
    return Member(
        user,
        db.session.get(MemberProfile, user.id)
        or MemberProfile(user_id=user.id, location="", about=""),
        posts=_count(select(Post.id).where(Post.author_id == user.id)),
        followers=_count(_members(Follow.follower_id, Follow.followed_id == user.id)),
        following=_count(_members(Follow.followed_id, Follow.follower_id == user.id)),
        is_followed=db.session.get(Follow, (viewer.id, user.id)) is not None,
    )


def followers(user: User, *, before: int | None = None) -> MemberPage:
    """Return a page of the members who follow `user`."""
    return _page_of_members(_members(Follow.follower_id, Follow.followed_id == user.id), before)


def following(user: User, *, before: int | None = None) -> MemberPage:
    """Return a page of the members that `user` follows."""
    return _page_of_members(_members(Follow.followed_id, Follow.follower_id == user.id), before)


def waiting() -> int:
    """Return the number of comments that wait for a moderator."""
    return comments_by_state().get(CommentState.WAITING, 0)


def comments_by_state() -> dict[str, int]:
    """Return the number of comments in each state."""
    counts = select(Comment.state, func.count()).group_by(Comment.state)
    return dict(iter(db.session.execute(counts)))


def written_by(user: User) -> tuple[int, int]:
    """Return the numbers of posts and comments of a user, hidden or not."""
    return (
        _count(select(Post.id).where(Post.author_id == user.id)),
        _count(select(Comment.id).where(Comment.author_id == user.id)),
    )


def _visible_posts() -> Select[Post]:
    return select(Post).join(Post.author).where(is_member()).options(contains_eager(Post.author))


def _visible_comments(condition: ColumnElement[bool]) -> Select[Comment]:
    authors = select(Comment).join(Comment.author).where(is_member(), condition)
    return authors.options(contains_eager(Comment.author))


def _posts(query: Select[Post], before: int | None) -> PostPage:
    if before is not None:
        query = query.where(Post.id < before)
    rows = db.session.scalars(query.order_by(Post.id.desc()).limit(POSTS + 1)).all()
    shown = rows[:POSTS]
    counts = (
        select(Comment.post_id, func.count())
        .join(Comment.author)
        .where(Comment.post_id.in_([one.id for one in shown]))
        .where(Comment.state == CommentState.SHOWN, is_member())
        .group_by(Comment.post_id)
    )
    comments = dict(iter(db.session.execute(counts)))
    return PostPage(shown, comments, shown[-1].id if len(rows) > POSTS else None)


def _members(who: InstrumentedAttribute[int], condition: ColumnElement[bool]) -> Select[User]:
    return select(User).join(Follow, who == User.id).where(condition, is_member())


def _page_of_members(query: Select[User], before: int | None) -> MemberPage:
    if before is not None:
        query = query.where(User.id < before)
    rows = db.session.scalars(query.order_by(User.id.desc()).limit(MEMBERS + 1)).all()
    return MemberPage(rows[:MEMBERS], rows[MEMBERS - 1].id if len(rows) > MEMBERS else None)


def _count(query: Select[int] | Select[User]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
