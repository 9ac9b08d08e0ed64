"""Make, find and revoke API tokens, and hold their requests to what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import contains_eager
from sqlalchemy.orm.exc import StaleDataError

from app.extensions import db
from app.features.api import emails, read_only, token_format
from app.features.api.models import ApiToken, TokenAccess, TokenKind
from app.kit import audit
from app.kit.clean_up import delete_rows
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.mail import outbox
from app.kit.web import origin
from app.models import Permission, User
from app.services import sessions
from app.services.own_account import ensure_not_impersonating
from app.services.policy import InsufficientPrivileges, lock, may_grant

MOST = 50  # personal tokens that a user has at a time
SHOWN = 100
TOUCH_INTERVAL = timedelta(minutes=1)
KEPT = timedelta(days=30)  # after a token has ended, so that its last use can be looked up


class TooManyTokens(Exception):
    """Raised if the user has MOST tokens."""


class NeverExpires(Exception):
    """Raised if a token would never expire, and the settings do not allow it."""


class TokenGone(Exception):
    """Raised if the token does not exist, or is revoked already."""


class NewToken(NamedTuple):
    """A token, and its secret, which is known only now."""

    token: ApiToken
    secret: str


# Using a token


@cache
def _live() -> Select[ApiToken]:
    """Build the query for a live token by its hash, with its user and role."""
    return (
        select(ApiToken)
        .join(ApiToken.user)
        .outerjoin(User.role)
        .where(
            ApiToken.secret_hash == bindparam("secret_hash"),
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > bindparam("at")),
            User.suspended_at.is_(None),
            User.deleted_at.is_(None),
        )
        .options(contains_eager(ApiToken.user).options(contains_eager(User.role)))
    )


def find(secret: str) -> ApiToken | None:
    """Return the live token with this secret, with its user and role, in one query.

    The user is held to the scopes of the token: `User.can` and app.services.policy see no other
    permission. A token that only reads makes the session of the database refuse to write. The use
    is recorded at most once a minute.
    """
    token = look_up(secret)
    if token is None:
        return None
    _touch(token)
    token.user.scopes, token.user.token_name = token.scopes, token.name
    if not token.may_write:
        read_only.refuse_writes(db.session())
    return token


def look_up(secret: str) -> ApiToken | None:
    """Return the live token with this secret, whose user is not held to its scopes yet."""
    if not token_format.is_well_formed(secret):
        return None
    values = {"secret_hash": token_format.hash_of(secret), "at": now()}
    return db.session.scalar(_live(), values)


def _touch(token: ApiToken) -> None:
    """Record that a token is in use. A lost record does no harm, so this ignores a busy database.

    The user counts as seen too.
    """
    at = now()
    if token.last_used_at is not None and at - token.last_used_at < TOUCH_INTERVAL:
        return
    token.last_used_at, token.last_used_address = at, origin.current().address
    token.user.last_seen_at = at
    try:
        db.session.commit()
    except (OperationalError, StaleDataError):
        db.session.rollback()


# Making tokens


def make(
    user: User, *, name: str, scopes: int, access: TokenAccess, lifetime: timedelta | None
) -> NewToken:
    """Make a personal token of `user`, and tell them by mail.

    A `lifetime` of None never expires. Raises InsufficientPrivileges for scopes that the user
    lacks, TooManyTokens, NeverExpires, NotWhileImpersonating and UserGone.
    """
    ensure_not_impersonating(user)
    if lifetime is None and not current_app.config["API_TOKENS_WITHOUT_EXPIRY"]:
        raise NeverExpires
    lock(user, by=user)
    personal = _live_of(user.id) & (ApiToken.kind == TokenKind.PERSONAL)
    if (db.session.scalar(select(func.count(ApiToken.id)).where(personal)) or 0) >= MOST:
        db.session.rollback()
        raise TooManyTokens
    has_second_factor = user.session is not None and user.session.has_second_factor
    made = add(
        user,
        name=name,
        scopes=scopes,
        access=access,
        kind=TokenKind.PERSONAL,
        lifetime=lifetime,
        has_second_factor=has_second_factor,
    )
    audit.record("api_token.made", by=user, subject=user, **_facts(made.token))
    outbox.commit_and_notify(emails.send_api_token_made(user, made.token))
    return made


def add(
    user: User,
    *,
    name: str,
    scopes: int,
    access: TokenAccess,
    kind: TokenKind,
    lifetime: timedelta | None,
    has_second_factor: bool = False,
) -> NewToken:
    """Add a token, and leave the commit to the caller. Every token has GENERAL if its user has."""
    scopes |= Permission.GENERAL & user.permissions
    if not may_grant(user, scopes):
        db.session.rollback()
        raise InsufficientPrivileges
    secret = token_format.new_secret()
    token = ApiToken(
        user=user,
        name=name,
        kind=kind,
        access=access,
        scopes=scopes,
        has_second_factor=has_second_factor,
        secret_hash=token_format.hash_of(secret),
        expires_at=None if lifetime is None else now() + lifetime,
    )
    db.session.add(token)
    db.session.flush()
    return NewToken(token, secret)


def _facts(token: ApiToken) -> dict[str, Any]:
    return {
        "name": token.name,
        "access": token.access,
        "scopes": ", ".join(Permission.names(token.scopes)),
        "expires": token.expires_at.isoformat(timespec="seconds") if token.expires_at else "never",
    }


# Tokens of a user


def of_user(user: User) -> list[ApiToken]:
    """Return the tokens of a user: the live ones, and then those that ended lately.

    Live personal tokens come first, because programs that sign in often have many others.
    """
    is_over = ApiToken.revoked_at.is_not(None) | (ApiToken.expires_at <= now())
    place = case((is_over, 2), (ApiToken.kind == TokenKind.PERSONAL, 0), else_=1)
    query = select(ApiToken).where(ApiToken.user_id == user.id)
    return list(db.session.scalars(query.order_by(place, ApiToken.id.desc()).limit(SHOWN)))


def live_of(user: User) -> list[ApiToken]:
    """Return the live ones of these tokens."""
    return [one for one in of_user(user) if one.state == "active"]


def find_own(token_id: int, user: User) -> ApiToken | None:
    return db.session.scalar(
        select(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id)
    )


def is_within(token: ApiToken, other: ApiToken) -> bool:
    """Tell whether `token` may do no more than `other`, which is a token of the same user."""
    is_wider = token.may_write and not other.may_write
    return token is other or (not is_wider and Permission.grants(other.scopes, token.scopes))


def revoke(token: ApiToken, *, by: User) -> None:
    """Revoke a token of `by`, or of a user without permissions that `by` lacks.

    Raises TokenGone, NotWhileImpersonating, InsufficientPrivileges and UserGone.
    """
    ensure_not_impersonating(by)
    user = token.user
    lock(user, by=by)
    _ensure_may_revoke(user, by)
    _revoke(token, by)


def revoke_in_use(token: ApiToken) -> None:
    """Revoke the token of the request, whatever it or its owner may do. Raises TokenGone."""
    read_only.allow_writes(db.session())
    _revoke(token, token.user)


def _revoke(token: ApiToken, by: User) -> None:
    if not _end(ApiToken.id == token.id):
        db.session.rollback()
        raise TokenGone
    audit.record("api_token.revoked", by=by, subject=token.user, name=token.name)
    db.session.commit()


def may_revoke(user: User, by: User) -> bool:
    """Tell whether `by` may revoke the tokens of `user`, who may be the same."""
    return user is by or may_grant(by, user.role.permissions if user.role else 0)


def _ensure_may_revoke(user: User, by: User) -> None:
    if not may_revoke(user, by):
        db.session.rollback()
        raise InsufficientPrivileges


def revoke_all(user: User, *, by: User) -> None:
    """Revoke all tokens of a user. Raises the exceptions of `revoke`."""
    ensure_not_impersonating(by)
    lock(user, by=by)
    _ensure_may_revoke(user, by)
    if not (number := _end(_live_of(user.id))):
        db.session.rollback()
        raise TokenGone
    audit.record("api_token.all_revoked", by=by, subject=user, number=number)
    db.session.commit()


def _live_of(user_id: int) -> ColumnElement[bool]:
    is_valid = or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now())
    return (ApiToken.user_id == user_id) & ApiToken.revoked_at.is_(None) & is_valid


def _end(*conditions: ColumnElement[bool]) -> int:
    """Revoke the tokens that meet the conditions, and return their number. The caller commits."""
    ended = update(ApiToken).where(*conditions, ApiToken.revoked_at.is_(None))
    values = ended.values(revoked_at=now()).returning(ApiToken.id)
    return len(db.session.scalars(values).all())


# Tokens that end with something else


def end_with_sessions(user_ids: Sequence[int]) -> None:
    """Revoke the short-lived tokens of users, and all tokens of suspended and deleted users.

    The caller commits. Short-lived tokens come from a password, as sessions do.
    """
    gone = select(User.id).where(among(User.id, user_ids), ~User.is_active)
    is_short = ApiToken.kind == TokenKind.SHORT_LIVED
    _end(among(ApiToken.user_id, user_ids), or_(is_short, ApiToken.user_id.in_(gone)))


def end_all(user_ids: Sequence[int]) -> None:
    """Revoke all tokens of users. The caller commits, and records the event."""
    _end(among(ApiToken.user_id, user_ids))


def purge() -> int:
    """Delete the tokens that ended KEPT ago, and return their number."""
    before = now() - KEPT
    return delete_rows(ApiToken, or_(ApiToken.expires_at < before, ApiToken.revoked_at < before))


sessions.BEFORE_OTHERS_END.append(end_with_sessions)
