"""The moderation of comments."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.extensions import db
from app.features.blog import tables, writing
from app.features.blog.models import Comment
from app.features.blog.writing import Gone
from app.kit.web import table_pages
from app.kit.web.redirects import next_url
from app.models import Permission
from app.sign_in import me

moderators_only = permission_required(Permission.MODERATE_COMMENTS)


@admin.get("/comments")
@moderators_only
def comments() -> ResponseReturnValue:
    return table_pages.show(tables.comments)


@admin.get("/comments/<int:comment_id>")
@moderators_only
def comment(comment_id: int) -> ResponseReturnValue:
    comment = db.get_or_404(Comment, comment_id)
    return render_template("admin/comment.html", comment=comment)


@admin.post("/comments/<int:comment_id>/approve")
@moderators_only
def approve_comment(comment_id: int) -> ResponseReturnValue:
    try:
        writing.approve_comment(db.get_or_404(Comment, comment_id), by=me())
        flash("The comment is approved.", "success")
    except Gone:
        flash("The comment was deleted in the meantime.", "info")
    return redirect(next_url(request.args.get("next"), url_for("admin.comments")))


@admin.post("/comments/<int:comment_id>/hide")
@moderators_only
def hide_comment(comment_id: int) -> ResponseReturnValue:
    try:
        writing.hide_comment(db.get_or_404(Comment, comment_id), by=me())
        flash("The comment is hidden.", "success")
    except Gone:
        flash("The comment was deleted in the meantime.", "info")
    return redirect(next_url(request.args.get("next"), url_for("admin.comments")))
