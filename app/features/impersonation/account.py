"""Being signed in as someone else: what of an account is closed to it, and the way out."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account
from app.models import Permission
from app.services import impersonation
from app.services.policy import refuse_acting
from app.sign_in import me, take_on

# All that decides who can sign in and how is left to the person themselves, so a page of the
# account that is added later is closed until it stands here.
OPEN_WHILE_ACTING = {
    *("account.activity", "account.change_name"),
    *("account.manage", "account.unconfirmed", "account.stop_acting", "account.logout"),
    # For those who are not signed in: they send home whoever is.
    *("account.login", "account.register", "account.join_from_invite"),
    *("account.reset_password_request", "account.reset_password"),
    # Of whoever has the link or the text, signed in or not.
    *("account.confirm", "account.check_password"),
}


@account.before_request
def leave_the_account_to_its_owner() -> None:
    """Refuse whoever is signed in as someone else the pages that change how to sign in."""
    if request.endpoint not in OPEN_WHILE_ACTING:
        refuse_acting(current_user)


@account.post("/stop-acting")
@login_required
def stop_acting() -> ResponseReturnValue:
    """Be oneself again."""
    user = me()
    if user.impersonator is None:  # It has ended by itself, or was stopped in another tab.
        return redirect(url_for("main.index"))
    real = impersonation.stop(user)
    take_on(None)
    flash("You are yourself again.", "success")
    if real.can(Permission.MANAGE_USERS):
        return redirect(url_for("admin.user_info", user_id=user.id))
    return redirect(url_for("main.index"))
