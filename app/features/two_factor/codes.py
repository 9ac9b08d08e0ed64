"""Use up the codes of authenticator apps, and recovery codes."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import update

from app.extensions import db
from app.features.two_factor import emails, recovery, totp
from app.features.two_factor.models import SECRETS, TwoFactorSecret
from app.kit import audit, guesses_at_codes
from app.kit.encryption import UnreadableSecret
from app.kit.guesses import Guess
from app.models import User
from app.services.policy import lock
from app.services.user_access import WrongState


class WrongCode(Exception):
    """Raised if a code is wrong, expired or used."""


class CodeUnverifiable(WrongCode):
    """Raised if the user's secret cannot be decrypted, because SECRET_KEY has changed."""


class NotEnabled(WrongState):
    """Raised if the user has no second factor."""


def use_code(user: User, code: str, *, is_known: bool) -> None:
    """Use up a code of the app. The caller commits, and the user is locked until then.

    `is_known` says that the browser was signed in before. Raises WrongCode, TooManyGuesses and
    UserGone.
    """
    _use_code(user, code, guesses_at_codes.count(user.id, is_known=is_known))


def use_recovery_code(user: User, code: str, *, is_known: bool) -> None:
    """Use up a recovery code, and queue a mail. The caller commits, as for `use_code`."""
    _use_recovery_code(user, code, guesses_at_codes.count(user.id, is_known=is_known))


def use_either(user: User, code: str, guess: Guess) -> None:
    """Use up a code of the app, or a recovery code of a user who has lost it.

    The caller has counted the guess, holds no transaction, and commits. Raises WrongCode and
    NotEnabled.
    """
    use = _use_code if totp.is_code(code) else _use_recovery_code
    use(user, code, guess)


def refuse(user: User, refusal: type[WrongCode] = WrongCode) -> NoReturn:
    """Record a wrong code, commit, and raise `refusal`."""
    audit.record("two_factor.refused", by=user, subject=user)
    db.session.commit()
    raise refusal


def _use_recovery_code(user: User, code: str, guess: Guess) -> None:
    found = recovery.find(user.id, code)
    lock(user)
    if found is None or not recovery.use_up(found):
        refuse(user)
    guess.was_right()
    left = recovery.count(user.id)
    audit.record("two_factor.recovery_code_used", by=user, subject=user, left=left)
    emails.send_recovery_code_used(user, left)


def _use_code(user: User, code: str, guess: Guess) -> None:
    """Use up a code. The second of two requests with the same code finds its step used."""
    lock(user)
    row = db.session.get(TwoFactorSecret, user.id, populate_existing=True)
    if row is None:
        db.session.rollback()
        raise NotEnabled
    try:
        secret = SECRETS.decrypt(row.encrypted, user.id)
    except UnreadableSecret:
        db.session.rollback()
        raise CodeUnverifiable from None
    step = totp.step_of(secret, code)
    if step is None or not _take_step(user, step):
        refuse(user)
    if SECRETS.is_outdated(row.encrypted):
        row.encrypted = SECRETS.encrypt(secret, user.id)
    guess.was_right()


def _take_step(user: User, step: int) -> bool:
    taken = db.session.scalar(
        update(TwoFactorSecret)
        .where(TwoFactorSecret.user_id == user.id, TwoFactorSecret.last_step < step)
        .values(last_step=step)
        .returning(TwoFactorSecret.user_id),
        execution_options={"synchronize_session": False},
    )
    return taken is not None
