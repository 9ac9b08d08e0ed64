"""The pages on which users change their own profile and picture."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.decorators import takes_files
from app.extensions import limiter
from app.features.profile.forms import PictureForm, ProfileForm
from app.features.profile.services import pictures, profiles
from app.features.profile.services.images import BadPicture
from app.features.profile.services.pictures import PictureGone
from app.kit import storage
from app.kit.web import limits
from app.kit.web.gates import open_to
from app.sign_in import me

# Decoding takes up to two seconds of a processor.
pictures_by_user = limiter.limit(
    "30 per hour", methods=["POST"], key_func=limits.by_user("picture")
)


@account.route("/manage/profile", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
def change_profile() -> ResponseReturnValue:
    profile = profiles.of(me())
    form = ProfileForm(data={name: getattr(profile, name) for name in profiles.FACTS})
    if form.validate_on_submit():
        if profiles.change(me(), form.facts, by=me()):
            flash("Your profile is changed.", "success")
        return redirect(url_for("account.change_profile"))
    return render_template(
        "account/profile.html", form=form, profile=profile, has_page=profiles.member(me().id)
    )


@account.route("/manage/picture", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
@pictures_by_user
@takes_files("PICTURE_MAX_MEGABYTES")
def change_picture() -> ResponseReturnValue:
    form = PictureForm()
    if form.validate_on_submit():
        try:
            pictures.change(me(), form.picture.data.stream, form.chosen, by=me())
        except BadPicture as problem:
            form.picture.errors = [str(problem)]
        except storage.Away:
            form.picture.errors = ["The picture could not be stored. Try again in a minute."]
        else:
            flash("Your picture is changed.", "success")
            return redirect(url_for("account.change_picture"))
    return render_template(
        "account/picture.html", form=form, has_picture=pictures.has_picture(me())
    )


@account.post("/manage/picture/remove")
@login_required
@open_to("impersonating")
def remove_picture() -> ResponseReturnValue:
    try:
        pictures.remove(me(), by=me())
    except PictureGone:
        flash("You have no picture.", "info")
    else:
        flash("Your picture is removed.", "success")
    return redirect(url_for("account.change_picture"))
