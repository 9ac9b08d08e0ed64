"""Turn two-factor authentication on and off, check codes, and demand it of roles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from app.extensions import db
from app.features.two_factor import codes, emails, recovery, totp
from app.features.two_factor.codes import NotEnabled, WrongCode
from app.features.two_factor.models import (
    SECRETS,
    RecoveryCode,
    TrustedDevice,
    TwoFactorRole,
    TwoFactorSecret,
    is_demanded_of,
)
from app.kit import audit, guesses_at_codes
from app.kit.database import now
from app.kit.encryption import UnreadableSecret
from app.kit.mail import outbox
from app.kit.web.sign_in.second_steps import steps_of
from app.models import Permission, Role, User, UserSession
from app.services import policy, sessions
from app.services.own_account import ensure_not_impersonating
from app.services.policy import lock
from app.services.user_access import lock_to_reset

PAGES = ("account.enter_code", "account.enter_recovery_code")
EXAMINED = 1_000  # secrets that the check of `doctor` decrypts


class WrongFirstCode(WrongCode):
    """Raised if the code that is to confirm a new app is not one of it."""


class SetupExpired(Exception):
    """Raised if the secret in the form is too old, and a new one has to be scanned."""


class AlreadyEnabled(Exception):
    """Raised if another request has turned two-factor authentication on."""


class Demanded(Exception):
    """Raised if the user's role requires a second factor, and the app is the only one."""


def is_enabled(user: User) -> bool:
    """Tell whether `user` has set up an authenticator app."""
    query = select(TwoFactorSecret.user_id).where(TwoFactorSecret.user_id == user.id)
    return db.session.scalar(query) is not None


def secret_of(user: User) -> TwoFactorSecret | None:
    return db.session.get(TwoFactorSecret, user.id)


def must_stay_on(user: User) -> bool:
    """Tell whether the role of `user` demands a second factor, and they have no other."""
    has_other = any(one.endpoint not in PAGES for one in steps_of(user, "password"))
    return is_demanded_of(user.role) and not has_other


def enable(user: User, *, sealed: str, code: str) -> list[str]:
    """Turn two-factor authentication on, and return the recovery codes.

    `sealed` is the secret of the form, and `code` the first code. All other sessions end. Raises
    SetupExpired, WrongFirstCode, AlreadyEnabled and TooManyGuesses.
    """
    ensure_not_impersonating(user)
    guess = guesses_at_codes.count(user.id, is_known=True)
    secret, step = _confirmed(user, sealed, code)
    recovery_codes = recovery.make()
    hashes = recovery.hashed(recovery_codes)
    lock(user)
    if is_enabled(user):
        db.session.rollback()
        raise AlreadyEnabled
    guess.was_right()
    _begin_with(TwoFactorSecret(user_id=user.id), user, secret, step, hashes)
    if user.session is not None:
        user.session.has_second_factor = True
    audit.record("two_factor.enabled", by=user, subject=user)
    _tell(user, "enabled")
    return recovery_codes


def replace_app(user: User, *, sealed: str, code: str, proof: str) -> list[str]:
    """Take another app in place of the present one, and return new recovery codes.

    `sealed` and `code` are those of the new app, as for `enable`. `proof` is a code of the present
    app, or a recovery code if it is lost. A user whose role requires a second factor is never
    without one. Raises SetupExpired, WrongFirstCode, WrongCode, NotEnabled and TooManyGuesses.
    """
    ensure_not_impersonating(user)
    guess = guesses_at_codes.count(user.id, is_known=True)
    secret, step = _confirmed(user, sealed, code)
    recovery_codes = recovery.make()
    hashes = recovery.hashed(recovery_codes)
    codes.use_either(user, proof, guess)
    row = db.session.get_one(TwoFactorSecret, user.id, populate_existing=True)
    _begin_with(row, user, secret, step, hashes)
    audit.record("two_factor.replaced", by=user, subject=user)
    _tell(user, "replaced")
    return recovery_codes


def _confirmed(user: User, sealed: str, code: str) -> tuple[str, int]:
    """Return the secret in the form for a new app, and the time step of its first code."""
    try:
        secret = totp.opened(user, sealed)
    except UnreadableSecret:
        raise SetupExpired from None
    step = totp.step_of(secret, code)
    if step is None:
        codes.refuse(user, WrongFirstCode)
    return secret, step


def _begin_with(
    row: TwoFactorSecret, user: User, secret: str, step: int, hashes: Sequence[str]
) -> None:
    """Store the secret of an app and new recovery codes of a locked user. The caller commits."""
    row.encrypted, row.last_step, row.created_at = SECRETS.encrypt(secret, user.id), step, now()
    db.session.add(row)
    recovery.replace(user, hashes)


def _tell(user: User, change: str) -> None:
    """End the other sessions of a user, queue a mail about the change, and commit."""
    sessions.end_all_others(user, by=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, change))


def renew_recovery_codes(user: User, *, code: str) -> list[str]:
    """Replace the recovery codes, and return the new ones.

    `code` is one of the app, or a recovery code. Raises WrongCode, TooManyGuesses and NotEnabled.
    """
    ensure_not_impersonating(user)
    guess = guesses_at_codes.count(user.id, is_known=True)
    recovery_codes = recovery.make()
    hashes = recovery.hashed(recovery_codes)
    codes.use_either(user, code, guess)
    recovery.replace(user, hashes)
    audit.record("two_factor.recovery_codes_renewed", by=user, subject=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, "renewed"))
    return recovery_codes


def disable(user: User, *, code: str) -> None:
    """Turn two-factor authentication off. All other sessions end.

    `code` is one of the app, or a recovery code. Raises WrongCode, TooManyGuesses, NotEnabled and
    Demanded.
    """
    ensure_not_impersonating(user)
    if must_stay_on(user):
        raise Demanded
    codes.use_either(user, code, guesses_at_codes.count(user.id, is_known=True))
    db.session.refresh(user, ["role"])
    if must_stay_on(user):
        db.session.rollback()
        raise Demanded
    _remove(user)
    if user.session is not None:
        user.session.has_second_factor = False
    audit.record("two_factor.disabled", by=user, subject=user)
    _tell(user, "disabled")


def reset(user: User, *, by: User | None) -> None:
    """Remove the second factor of a user who has lost it, and end their sessions.

    `by` is None on the command line. Raises NotEnabled, NotOnSelf, InsufficientPrivileges,
    NotWhileImpersonating and UserGone.
    """
    lock_to_reset(user, by=by)
    if not is_enabled(user):
        db.session.rollback()
        raise NotEnabled
    _remove(user)
    sessions.end_all(user)
    audit.record("two_factor.reset", by=by, subject=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, "reset"))


def demand(role: Role, *, is_demanded: bool, by: User | None) -> None:
    """Demand a second factor of all users with `role`, or stop to, from their next request.

    Raises InsufficientPrivileges and RoleGone.
    """
    policy.lock_role(role, to_delete=True)
    policy.read_actor_again(by, Permission.MANAGE_ROLES)
    policy.ensure_may_manage(by, role)
    row = db.session.get(TwoFactorRole, role.id)
    if is_demanded == (row is not None):
        db.session.rollback()
        return
    if row is None:
        db.session.add(TwoFactorRole(role_id=role.id))
    else:
        db.session.delete(row)
    action = "two_factor.demanded" if is_demanded else "two_factor.no_longer_demanded"
    audit.record(action, by=by, subject=role)
    db.session.commit()


def end_impersonation(session: UserSession) -> None:
    """End the impersonation in a session that lacks the second factor of its user's role."""
    sessions.end_impersonations(UserSession.id == session.id)
    db.session.commit()


def count_unreadable() -> int:
    """Return how many of the newest secrets no key of the settings decrypts."""
    newest = select(TwoFactorSecret).order_by(TwoFactorSecret.user_id.desc()).limit(EXAMINED)
    rows = db.session.scalars(newest)
    return sum(not SECRETS.can_read(row.encrypted, row.user_id) for row in rows)


def _remove(user: User) -> None:
    for model in (TwoFactorSecret, RecoveryCode, TrustedDevice):
        db.session.execute(delete(model).where(model.user_id == user.id))
