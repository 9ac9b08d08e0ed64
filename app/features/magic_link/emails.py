"""The mail with a link and a code to sign in."""

from __future__ import annotations

from app.emails.facts import user_by_address
from app.extensions import db
from app.features.magic_link import proofs
from app.features.magic_link.models import MailedSignIn
from app.kit import tokens
from app.kit.mail.conditions import require
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Cancelled, PreviewedEmail, Values, message
from app.kit.mail.writing import add
from app.kit.web.links import external_url

NO_CODE = "0" * proofs.DIGITS  # shown in previews


def send_sign_in_link(email: str, request_id: int) -> EmailMessage:
    """Write the mail even if no user has this email, so that both cases take the same time."""
    return add("sign_in_link", email, request_id=request_id)


@message(
    "Someone asked to sign in to the account with this address. If it was not you, ignore this "
    "mail, and pass the code on to nobody.",
    sample={"request_id": 0},
)
def _sign_in_link(row: EmailMessage) -> Values:
    user = user_by_address(row)
    require(row, user.confirmed and user.is_active, f"the account is {user.status}")
    code, token = NO_CODE, tokens.WITHHELD
    if not isinstance(row, PreviewedEmail):
        request = db.session.get(MailedSignIn, row.context["request_id"])
        if request is None or not proofs.is_open(request):
            raise Cancelled("it was used, or its time is over")
        code, token = proofs.code_of(user, request), proofs.token_of(user, request.id)
    return {
        "user": user,
        "link": external_url("account.sign_in_link", token=token),
        "code": code,
        "expires": "15 minutes",
    }
