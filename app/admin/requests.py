"""What the admin's views ask of a request: who makes it, and which page of a list is wanted."""

from flask import request
from flask_login import current_user

from app.models import User

HIGHEST_PAGE = 1_000_000


def me() -> User:
    """Return the signed-in user themselves, not Flask-Login's stand-in for them."""
    user: User = current_user._get_current_object()
    return user


def page_number() -> int:
    """Return the page of a list that the address asks for; nonsense asks for the first."""
    given = request.args.get("page", "1")
    if not (given.isascii() and given.isdigit()):
        return 1
    return min(max(int(given[:20]), 1), HIGHEST_PAGE)
