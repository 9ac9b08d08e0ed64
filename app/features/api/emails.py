"""The mail that tells users of a new token."""

from __future__ import annotations

from datetime import datetime

from app.emails.facts import page_links, user_of
from app.features.api.models import ApiToken
from app.kit.mail.conditions import date
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.kit.web.links import external_url
from app.models import Permission, User


def send_api_token_made(user: User, token: ApiToken) -> EmailMessage:
    return add(
        "api_token_made",
        user.email,
        user,
        name_of_token=token.name,
        may_write=token.may_write,
        scopes=token.scopes,
        expires_at=token.expires_at.isoformat() if token.expires_at else "",
    )


@message(
    "We tell you whenever a token for your account is made.",
    sample={
        "name_of_token": "Nightly report",
        "may_write": True,
        "scopes": int(Permission.GENERAL),
        "expires_at": "2031-03-09T14:05:00+00:00",
    },
)
def _api_token_made(row: EmailMessage) -> Values:
    context = row.context
    expires_at = context["expires_at"]
    return {
        "user": user_of(row),
        "token": context["name_of_token"],
        "may_write": context["may_write"],
        "scopes": Permission.names(context["scopes"]),
        "expires": date(datetime.fromisoformat(expires_at)) if expires_at else "",
        "tokens_link": external_url("account.api_tokens"),
        **page_links(),
    }
