"""The pages on which users make, list and revoke their tokens."""

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.decorators import fresh_sign_in_required
from app.features.api import tokens
from app.features.api.forms import MakeApiTokenForm
from app.features.api.models import TokenAccess
from app.features.api.tokens import TokenGone, TooManyTokens
from app.sign_in import me

GONE = "The token was revoked meanwhile."
FULL = f"You have {tokens.MOST} tokens. Revoke one first."


@account.get("/manage/tokens")
@login_required
def api_tokens() -> ResponseReturnValue:
    found = tokens.of_user(me())
    live = [one for one in found if one.state == "active"]
    ended = [one for one in found if one.state != "active"]
    return render_template("account/api_tokens.html", tokens=live, ended=ended)


@account.route("/manage/tokens/new", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def make_api_token() -> ResponseReturnValue:
    """Make a token, and show its secret once. There is no redirect: no cookie should hold it."""
    form = MakeApiTokenForm()
    if form.validate_on_submit():
        try:
            made = tokens.make(
                me(),
                name=form.name.data or "",
                scopes=form.scopes.bits,
                access=TokenAccess(form.access.data),
                lifetime=form.lifetime,
            )
        except TooManyTokens:
            flash(FULL, "form-error")
        else:
            return render_template("account/api_token.html", made=made)
    return render_template("account/make_api_token.html", form=form)


@account.post("/manage/tokens/<int:api_token_id>/revoke")
@login_required
def revoke_api_token(api_token_id: int) -> ResponseReturnValue:
    token = tokens.find_own(api_token_id, me()) or abort(404)
    try:
        tokens.revoke(token, by=me())
    except TokenGone:
        flash(GONE, "info")
    else:
        flash(f"The token “{token.name}” is revoked.", "success")
    return redirect(url_for("account.api_tokens"))


@account.post("/manage/tokens/revoke-all")
@login_required
def revoke_api_tokens() -> ResponseReturnValue:
    try:
        tokens.revoke_all(me(), by=me())
    except TokenGone:
        flash("You have no token.", "info")
    else:
        flash("All your tokens are revoked.", "success")
    return redirect(url_for("account.api_tokens"))
