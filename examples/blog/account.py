"""The pages of members, followers, and the user's own profile."""

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.features.blog import reading, writing
from app.features.blog.blueprint import blog
from app.features.blog.forms import MemberProfileForm
from app.features.blog.main import position
from app.features.blog.reading import Member
from app.features.blog.writing import NotOneself
from app.kit.web import avatars
from app.sign_in import me


@blog.get("/member/<int:author_id>")
@login_required
def member(author_id: int) -> ResponseReturnValue:
    member = member_or_404(author_id)
    page = reading.posts_of(member.user, before=position("before"))
    return render_template("blog/member.html", member=member, page=page)


@blog.get("/member/<int:author_id>/followers")
@login_required
def followers(author_id: int) -> ResponseReturnValue:
    member = member_or_404(author_id)
    page = reading.followers(member.user, before=position("before"))
    avatars.expect(page.rows)
    return render_template("blog/members.html", member=member, page=page, kind="followers")


@blog.get("/member/<int:author_id>/following")
@login_required
def following(author_id: int) -> ResponseReturnValue:
    member = member_or_404(author_id)
    page = reading.following(member.user, before=position("before"))
    avatars.expect(page.rows)
    return render_template("blog/members.html", member=member, page=page, kind="following")


@blog.post("/member/<int:author_id>/follow")
@login_required
def follow(author_id: int) -> ResponseReturnValue:
    try:
        writing.follow(member_or_404(author_id).user, by=me())
    except NotOneself:
        flash("You see your own posts anyway.", "info")
    return redirect(url_for("blog.member", author_id=author_id))


@blog.post("/member/<int:author_id>/unfollow")
@login_required
def unfollow(author_id: int) -> ResponseReturnValue:
    writing.unfollow(member_or_404(author_id).user, by=me())
    return redirect(url_for("blog.member", author_id=author_id))


@blog.route("/profile", methods=["GET", "POST"])
@login_required
def edit_profile() -> ResponseReturnValue:
    form = MemberProfileForm(obj=member_or_404(me().id).profile)
    if form.validate_on_submit():
        about, location = form.about.data or "", form.location.data or ""
        writing.edit_profile(location=location, about=about, by=me())
        flash("Your profile is saved.", "success")
        return redirect(url_for("blog.member", author_id=me().id))
    return render_template("blog/profile.html", form=form)


def member_or_404(author_id: int) -> Member:
    return reading.member(author_id, viewer=me()) or abort(404)
