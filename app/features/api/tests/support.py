"""Tokens for tests."""

from datetime import timedelta

from app.extensions import db
from app.features.api import tokens
from app.features.api.models import TokenAccess, TokenKind

MANAGE = "/account/manage/tokens"


def give_token(user, *, name="Script", scopes=None, access="write", kind="personal", days=90):
    """Give a user a token, by default with all their permissions, and return it."""
    bits = (user.role.permissions if user.role else 0) if scopes is None else int(scopes)
    lifetime = None if days is None else timedelta(days=days)
    made = tokens.add(
        user,
        name=name,
        scopes=bits,
        access=TokenAccess(access),
        kind=TokenKind(kind),
        lifetime=lifetime,
    )
    db.session.commit()
    return made


def secret_of(user, **values):
    return give_token(user, **values).secret
