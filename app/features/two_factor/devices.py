"""Browsers that a user trusts, which are not asked for a code for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, and_, delete, select

from app.extensions import db
from app.features.two_factor.models import TrustedDevice
from app.kit import audit
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.web.devices import device_name
from app.models import User, UserSession
from app.services import sessions
from app.services.own_account import ensure_not_impersonating

_hash = UserSession.hash_token


def lifetime() -> timedelta:
    """Return how long a browser is trusted. Zero offers no trust."""
    return timedelta(days=current_app.config["TRUSTED_DEVICE_DAYS"])


def trust(user: User, *, device: str) -> str:
    """Trust a browser, and return the token for its cookie. The caller commits."""
    token = UserSession.new_token()
    db.session.add(
        TrustedDevice(
            user_id=user.id,
            token_hash=_hash(token),
            state_hash=_hash(user.browser_state()),
            device=device[:255],
            expires_at=now() + lifetime(),
        )
    )
    return token


def is_trusted(user: User, token: str) -> bool:
    """Tell whether `token` is of a browser that `user` trusts, with their present password."""
    if not token or not lifetime():
        return False
    query = select(TrustedDevice.id).where(_is_trusted_by(user), _has(token))
    return db.session.scalar(query) is not None


def of_user(user: User) -> list[TrustedDevice]:
    """Return the browsers that a user trusts, the newest first."""
    query = select(TrustedDevice).where(_is_trusted_by(user)).order_by(TrustedDevice.id.desc())
    return list(db.session.scalars(query))


def _has(token: str) -> ColumnElement[bool]:
    return TrustedDevice.token_hash == _hash(token)


def _is_trusted_by(user: User) -> ColumnElement[bool]:
    return and_(
        TrustedDevice.user_id == user.id,
        TrustedDevice.state_hash == _hash(user.browser_state()),
        TrustedDevice.expires_at > now(),
    )


def forget(token: str) -> None:
    """End the trust in one browser. The caller commits."""
    db.session.execute(delete(TrustedDevice).where(_has(token)))


def forget_one(user: User, device_id: int) -> None:
    """End the trust in one browser of a user at their request, if it still exists."""
    ensure_not_impersonating(user)
    device = db.session.scalar(
        delete(TrustedDevice)
        .where(TrustedDevice.id == device_id, TrustedDevice.user_id == user.id)
        .returning(TrustedDevice.device),
        execution_options={"synchronize_session": False},
    )
    if device is not None:
        name = device_name(device)
        audit.record("two_factor.browser_forgotten", by=user, subject=user, device=name)
    db.session.commit()


def forget_all(user: User) -> None:
    """End the trust in all browsers of a user, at their request."""
    ensure_not_impersonating(user)
    end_trust([user.id])
    audit.record("two_factor.trust_ended", by=user, subject=user)
    db.session.commit()


def end_trust(user_ids: Sequence[int]) -> None:
    """End the trust in all browsers of users. The caller commits."""
    db.session.execute(
        delete(TrustedDevice).where(among(TrustedDevice.user_id, user_ids)),
        execution_options={"synchronize_session": False},
    )


# A device that is signed out from elsewhere may be lost.
sessions.BEFORE_OTHERS_END.append(end_trust)
