"""The timeline, posts and comments."""

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.extensions import db
from app.features.blog import markdown, reading, writing
from app.features.blog.blueprint import blog
from app.features.blog.forms import CommentForm, PostForm
from app.features.blog.models import Comment, CommentState, Post
from app.features.blog.writing import Gone
from app.kit.database import whole_number
from app.kit.web import avatars
from app.kit.web.forms import ConfirmForm
from app.sign_in import me


def init_app(app: Flask) -> None:
    app.jinja_env.filters["markdown"] = markdown.render
    app.jinja_env.filters["opening"] = markdown.opening
    app.jinja_env.tests["deletable"] = writing.may_delete
    app.jinja_env.tests["editable"] = writing.may_edit
    app.register_blueprint(blog)


@blog.errorhandler(Gone)
def lead_to_timeline(_error: Gone) -> ResponseReturnValue:
    flash("It was deleted in the meantime.", "info")
    return redirect(url_for("blog.index"))


def position(name: str) -> int | None:
    """Return the id in the URL at which the page before ended, or None for the first page."""
    return whole_number(request.args.get(name, ""))


@blog.get("/")
@login_required
def index() -> ResponseReturnValue:
    everyone = request.args.get("show") == "all"
    page = reading.timeline(me(), everyone=everyone, before=position("before"))
    avatars.expect([post.author for post in page.rows])
    return render_template("blog/index.html", page=page, everyone=everyone, form=PostForm())


@blog.route("/write", methods=["GET", "POST"])
@login_required
def write() -> ResponseReturnValue:
    form = PostForm()
    if form.validate_on_submit():
        post = writing.write_post(body=form.body.data, by=me())
        flash("Your post is published.", "success")
        return redirect(url_for("blog.post", post_id=post.id))
    return render_template("blog/write.html", form=form, title="Write a post")


@blog.get("/post/<int:post_id>")
@login_required
def post(post_id: int) -> ResponseReturnValue:
    return show_post(post_or_404(post_id), CommentForm())


@blog.route("/post/<int:post_id>/edit", methods=["GET", "POST"])
@login_required
def edit_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id)
    if not writing.may_edit(post, me()):
        abort(403)
    form = PostForm(obj=post)
    form.submit.label.text = "Save post"
    if form.validate_on_submit():
        writing.edit_post(post, body=form.body.data, by=me())
        flash("Your post is changed.", "success")
        return redirect(url_for("blog.post", post_id=post_id))
    return render_template("blog/write.html", form=form, title="Edit your post", post=post)


@blog.route("/post/<int:post_id>/delete", methods=["GET", "POST"])
@login_required
def delete_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id)
    if not writing.may_delete(post, me()):
        abort(403)
    form = ConfirmForm()
    if form.validate_on_submit():
        writing.delete_post(post, by=me())
        flash("The post is deleted.", "success")
        return redirect(url_for("blog.index"))
    back = url_for("blog.post", post_id=post_id)
    return render_template("blog/delete.html", form=form, row=post, noun="post", back=back)


@blog.route("/post/<int:post_id>/comment", methods=["GET", "POST"])
@login_required
def write_comment(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id)
    form = CommentForm()
    if not form.validate_on_submit():
        return show_post(post, form)
    comment = writing.write_comment(post, body=form.body.data, by=me())
    if comment.state == CommentState.WAITING:
        flash("Your comment appears when a moderator has approved it.", "info")
    else:
        flash("Your comment is published.", "success")
    return redirect(url_for("blog.post", post_id=post_id, after=comment.id - 1))


@blog.route("/comment/<int:comment_id>/delete", methods=["GET", "POST"])
@login_required
def delete_comment(comment_id: int) -> ResponseReturnValue:
    comment = db.get_or_404(Comment, comment_id)
    if not writing.may_delete(comment, me()):
        abort(403)
    back = url_for("blog.post", post_id=comment.post_id)
    form = ConfirmForm()
    if form.validate_on_submit():
        writing.delete_comment(comment, by=me())
        flash("The comment is deleted.", "success")
        return redirect(back)
    return render_template("blog/delete.html", form=form, row=comment, noun="comment", back=back)


def post_or_404(post_id: int) -> Post:
    return reading.post(post_id) or abort(404)


def show_post(post: Post, form: CommentForm) -> ResponseReturnValue:
    page = reading.comments_of(post, viewer=me(), after=position("after"))
    avatars.expect([comment.author for comment in page.rows])
    return render_template("blog/post.html", post=post, page=page, form=form)
