"""End an impersonation."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.features.impersonation import impersonation
from app.features.impersonation.browser import take_on
from app.kit.web.gates import open_to_every_gate
from app.models import Permission
from app.sign_in import me


@account.post("/stop-acting")
@login_required
@open_to_every_gate
def stop_acting() -> ResponseReturnValue:
    """End the impersonation."""
    user = me()
    if user.impersonator is None:  # It has expired, or was stopped in another tab.
        return redirect(url_for("main.index"))
    real = impersonation.stop(user)
    take_on(None)
    flash("The impersonation has ended. You are signed in to your own account.", "success")
    if real.can(Permission.MANAGE_USERS):
        return redirect(url_for("admin.user_info", user_id=user.id))
    return redirect(url_for("main.index"))
