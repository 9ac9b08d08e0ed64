"""Write posts, comments and profiles, follow members, and moderate comments.

Events name a post or comment by its number. Its text is personal data, which erasing the author has
to reach, so it is in no event.
"""

from __future__ import annotations

from typing import TypeVar

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.blog.models import Comment, CommentState, Follow, MemberProfile, Post
from app.kit import audit
from app.kit.database import now
from app.models import Permission, User
from app.services.policy import InsufficientPrivileges

Row = TypeVar("Row", Post, Comment)


class Gone(Exception):
    """Raised if the post or comment was deleted in the meantime."""


class NotOneself(Exception):
    """Raised if a user would follow themselves."""


def may_edit(post: Post, by: User) -> bool:
    """Tell whether `by` may change a post: its author."""
    return post.author_id == by.id


def may_delete(row: Post | Comment, by: User) -> bool:
    """Tell whether `by` may delete a post or comment: its author, or a moderator."""
    return row.author_id == by.id or by.can(Permission.MODERATE_COMMENTS)


def write_post(*, body: str, by: User) -> Post:
    """Publish a post."""
    post = Post(author_id=by.id, body=body)
    db.session.add(post)
    db.session.flush()
    audit.record("post.written", by=by, subject=post, label=f"Post {post.id}")
    db.session.commit()
    return post


def edit_post(post: Post, *, body: str, by: User) -> None:
    """Change the text of a post. Raises InsufficientPrivileges and Gone."""
    post = _lock(post)
    if not may_edit(post, by):
        raise InsufficientPrivileges
    if post.body != body:
        post.body, post.edited_at = body, now()
        audit.record("post.edited", by=by, subject=post, label=f"Post {post.id}")
    db.session.commit()


def delete_post(post: Post, *, by: User) -> None:
    """Delete a post with its comments. Raises InsufficientPrivileges and Gone."""
    _delete(post, "post.deleted", f"Post {post.id}", by)


def write_comment(post: Post, *, body: str, by: User) -> Comment:
    """Add a comment, which waits for a moderator if HOLD_COMMENTS is set. Raises Gone."""
    held = current_app.config["HOLD_COMMENTS"] and not by.can(Permission.MODERATE_COMMENTS)
    state = CommentState.WAITING if held else CommentState.SHOWN
    comment = Comment(post_id=post.id, author_id=by.id, body=body, state=state)
    db.session.add(comment)
    try:
        db.session.flush()
    except IntegrityError:  # The post was deleted since the page was opened.
        db.session.rollback()
        raise Gone from None
    audit.record("comment.written", by=by, subject=comment, label=f"Comment {comment.id}")
    db.session.commit()
    return comment


def delete_comment(comment: Comment, *, by: User) -> None:
    """Delete a comment. Raises InsufficientPrivileges and Gone."""
    _delete(comment, "comment.deleted", f"Comment {comment.id}", by)


def approve_comment(comment: Comment, *, by: User) -> None:
    """Show a comment to all members. Raises Gone."""
    _moderate(comment, CommentState.SHOWN, "comment.approved", by)


def hide_comment(comment: Comment, *, by: User) -> None:
    """Hide a comment from all members, its author too. Raises Gone."""
    _moderate(comment, CommentState.HIDDEN, "comment.hidden", by)


def follow(member: User, *, by: User) -> None:
    """Let `by` follow a member; a second time changes nothing. Raises NotOneself.

    The primary key decides between two requests at once, not a query made beforehand.
    """
    if member.id == by.id:
        raise NotOneself
    try:
        with db.session.begin_nested():
            db.session.add(Follow(follower_id=by.id, followed_id=member.id))
    except IntegrityError:
        db.session.rollback()
        return
    audit.record("member.followed", by=by, subject=member)
    db.session.commit()


def unfollow(member: User, *, by: User) -> None:
    """Let `by` no longer follow a member; a second time changes nothing."""
    found = db.session.get(Follow, (by.id, member.id), with_for_update=True)
    if found is not None:
        db.session.delete(found)
        audit.record("member.unfollowed", by=by, subject=member)
    db.session.commit()


def edit_profile(*, location: str, about: str, by: User) -> None:
    """Change the words of `by` about themselves."""
    profile = db.session.get(MemberProfile, by.id, with_for_update=True)
    if profile is None:
        profile = MemberProfile(user_id=by.id)
        db.session.add(profile)
    profile.location, profile.about = location, about
    audit.record("member.profile_edited", by=by, subject=by)
    try:
        db.session.commit()
    except IntegrityError:  # A concurrent request has just inserted it.
        db.session.rollback()
        edit_profile(location=location, about=about, by=by)


def _moderate(comment: Comment, state: CommentState, action: str, by: User) -> None:
    comment = _lock(comment)
    if comment.state != state:
        changes = {"state": (comment.state, str(state))}
        comment.state = state
        label = f"Comment {comment.id}"
        audit.record(action, by=by, subject=comment, label=label, changes=changes)
    db.session.commit()


def _delete(row: Post | Comment, action: str, label: str, by: User) -> None:
    row = _lock(row)
    if not may_delete(row, by):
        raise InsufficientPrivileges
    audit.record(action, by=by, subject=row, label=label)
    db.session.delete(row)
    db.session.commit()


def _lock(row: Row) -> Row:
    """Lock a row and read it again. Raises Gone."""
    kind = type(row)
    found = db.session.get(kind, row.id, with_for_update=True, populate_existing=True)
    if found is None:
        db.session.rollback()
        raise Gone
    return found
