"""The gate that holds back users who wait, and the page to which it leads."""

from flask import redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.features.approval import approvals
from app.kit.web.gates import explains_gate, gate, lead_to, open_to
from app.models import User
from app.sign_in import me

# Session key: the id of a user who does not wait. An approval is never taken back, so a session
# asks the database once.
APPROVED = "approved"


def _waits(user: User) -> bool:
    if not approvals.is_on() or session.get(APPROVED) == user.id:
        return False
    if approvals.is_waiting(user):
        return True
    session[APPROVED] = user.id
    return False


@gate("awaiting_approval", order=15, spares=[explains_gate])
def lead_to_waiting_page() -> ResponseReturnValue | None:
    """Hold back users who wait for approval, but not an administrator impersonating them.

    Users confirm their email address first.
    """
    user = me()
    if not user.is_authenticated or not user.confirmed or user.impersonator is not None:
        return None
    if not _waits(user):
        return None
    return lead_to(
        url_for("account.awaiting_approval"),
        title="Your registration waits for approval",
        message="You get a mail once an administrator has approved it.",
    )


@account.get("/awaiting-approval")
@login_required
@open_to("must_change_password", "impersonating")
@explains_gate
def awaiting_approval() -> ResponseReturnValue:
    """Show the page to which users who wait for approval are redirected."""
    if not _waits(me()):
        return redirect(url_for("main.index"))
    return render_template("account/awaiting_approval.html")
