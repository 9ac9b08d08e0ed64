"""Plug the blog into the dashboard, the page of a user and the audit trail."""

from typing import Any

from app.extensions import db
from app.features.blog import reading
from app.features.blog.models import Comment, Post
from app.kit import slots
from app.models import Permission, User


@slots.card(
    Permission.MODERATE_COMMENTS, template="partials/_comments_card.html", column="narrow", order=60
)
def comments_card() -> slots.Values:
    return {"waiting": reading.waiting()}


@slots.user_panel("partials/_user_posts_panel.html", order=40)
def posts_of_user(user: User, _by: User) -> slots.Values:
    posts, comments = reading.written_by(user)
    return {"posts": posts, "comments": comments, "user": user}


@slots.subject_page("post", "blog.post")
def arguments_of_post(post_id: int) -> dict[str, Any] | None:
    return {"post_id": post_id} if db.session.get(Post, post_id) else None


@slots.subject_page("comment", "admin.comment")
def arguments_of_comment(comment_id: int) -> dict[str, Any] | None:
    return {"comment_id": comment_id} if db.session.get(Comment, comment_id) else None
