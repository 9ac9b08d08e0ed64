"""End an impersonation, and close the account pages to it."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account
from app.features.impersonation import impersonation
from app.features.impersonation.browser import take_on
from app.kit.web.gates import gate, open_to
from app.models import Permission
from app.services.own_account import ensure_not_impersonating
from app.sign_in import me


@gate("impersonating", order=30, blueprint="account")
def leave_the_account_to_its_owner() -> None:
    """Refuse the account pages to an administrator who impersonates the user.

    Pages marked with `@open_to("impersonating")` stay open.
    """
    ensure_not_impersonating(current_user)


@account.post("/stop-acting")
@login_required
@open_to("unconfirmed", "impersonating", "maintenance")
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
