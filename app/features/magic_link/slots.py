"""Plug signing in by mail into the sign-in page, and into the sign-in methods."""

from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, false, true

from app.features.magic_link.models import MailedSignIn
from app.kit import slots
from app.kit.database.restored import ends_with_restore

# Otherwise a link that was used after the backup would work again.
ends_with_restore(MailedSignIn)


def is_on() -> bool:
    return bool(current_app.config["SIGN_IN_BY_MAIL"])


slots.sign_in_part("partials/_sign_in_by_mail.html", order=50, is_shown=is_on)


@slots.sign_in_method("mailed link")
def has_mailed_link(_user_id: Any) -> ColumnElement[bool]:
    """Tell that each user with a confirmed email has this method, if the setting is on."""
    return true() if is_on() else false()
