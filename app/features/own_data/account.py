"""The pages on which users ask for their own data and download it."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.decorators import fresh_sign_in_required
from app.extensions import limiter
from app.features.own_data import exports
from app.features.own_data.exports import NotReady
from app.kit import storage
from app.kit.web import limits
from app.kit.web.forms import ConfirmForm
from app.kit.web.stored_files import respond
from app.sign_in import me

requests_by_user = limiter.limit("5 per day", methods=["POST"], key_func=limits.by_user("own-data"))


@account.route("/manage/data", methods=["GET", "POST"])
@login_required
@requests_by_user
def own_data() -> ResponseReturnValue:
    form = ConfirmForm()
    if form.validate_on_submit():
        exports.ask(me(), by=me())
        flash("Your data is being collected. A mail tells you when it is ready.", "success")
        return redirect(url_for("account.own_data"))
    return render_template("account/own_data.html", form=form, export=exports.of(me()))


@account.route("/manage/data/download", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def download_own_data() -> ResponseReturnValue:
    """Send the archive once. GET leads to the page with its button."""
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            return respond(exports.take(me()))
        except NotReady:
            flash("There is nothing to download now. Ask for your data again.", "info")
        except storage.Away:
            flash("Your data cannot be read at the moment. Try again in a minute.", "error")
    return redirect(url_for("account.own_data"))
