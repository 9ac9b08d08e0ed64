"""The activity page of the signed-in user's own account."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.features.audit.services import finding, words
from app.kit.database import HIGHEST_BIG_INTEGER, whole_number
from app.kit.web.gates import open_to
from app.sign_in import me


@account.get("/manage/activity")
@login_required
@open_to("impersonating")
def activity() -> ResponseReturnValue:
    """List sign-ins, failed sign-ins, changes, and actions of administrators on the account."""
    given = request.args.get("before", "")
    before = whole_number(given, HIGHEST_BIG_INTEGER)
    user = me()
    return render_template(
        "account/activity.html",
        page=finding.activity(user, before=before),
        is_first=before is None,
        is_nonsense=bool(given) and before is None,
        user=user,
        words=words,
    )
