"""The pages that list the user's sessions and end them."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account
from app.decorators import fresh_sign_in_required
from app.kit.database import whole_number
from app.services import user_access, user_page
from app.sign_in import me


@account.get("/manage/devices")
@login_required
def devices() -> ResponseReturnValue:
    """List the user's sessions, the last used first."""
    sessions, count = user_page.open_sessions(me())
    return render_template(
        "account/devices.html", sessions=sessions, count=count, own=current_user.session
    )


@account.route("/manage/devices/end", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def end_sessions() -> ResponseReturnValue:
    """End one session, or all but the current one.

    GET redirects to the list: users arrive here after they have entered their password again.
    """
    which = request.form.get("session", "")
    if which == "others":
        user_access.end_sessions(me(), by=me())
        flash("You are signed out on all other devices.", "success")
    elif (session_id := whole_number(which)) is not None:
        user_access.end_session(me(), session_id, by=me())
        flash("That device is signed out.", "success")
    return redirect(url_for("account.devices"))
