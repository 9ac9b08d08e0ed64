"""Plug signing in by mail into the sign-in page."""

from flask import current_app

from app.kit import slots


def is_on() -> bool:
    return bool(current_app.config["SIGN_IN_BY_MAIL"])


slots.sign_in_part("partials/_sign_in_by_mail.html", order=50, is_shown=is_on)
