"""Turn two-factor authentication on and off, check codes, and demand it of roles."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import delete, select, update

from app.extensions import db
from app.features.two_factor import emails, recovery, totp
from app.features.two_factor.models import (
    SECRETS,
    RecoveryCode,
    TrustedDevice,
    TwoFactorRole,
    TwoFactorSecret,
    is_demanded_of,
)
from app.kit import audit, guesses_at_codes
from app.kit.encryption import UnreadableSecret
from app.kit.guesses import Guess
from app.kit.mail import outbox
from app.kit.web.second_steps import steps_of
from app.models import Permission, Role, User, UserSession
from app.services import policy, sessions
from app.services.own_account import ensure_not_impersonating
from app.services.policy import ensure_may_manage, ensure_not_self, lock
from app.services.users import lock_present

PAGES = ("account.enter_code", "account.enter_recovery_code")
EXAMINED = 1_000  # secrets that the check of `doctor` decrypts


class WrongCode(Exception):
    """Raised if a code is wrong, expired or used."""


class CodeUnverifiable(WrongCode):
    """Raised if the user's secret cannot be decrypted, because SECRET_KEY has changed."""


class SetupExpired(Exception):
    """Raised if the secret in the form is too old, and a new one has to be scanned."""


class AlreadyEnabled(Exception):
    """Raised if another request has turned two-factor authentication on."""


class NotEnabled(Exception):
    """Raised if the user has no second factor."""


class Demanded(Exception):
    """Raised if the user's role demands a second factor, and the app is the only one."""


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
    SetupExpired, WrongCode, AlreadyEnabled and TooManyGuesses.
    """
    ensure_not_impersonating(user)
    guess = guesses_at_codes.count(user.id, is_known=True)
    try:
        secret = totp.opened(user, sealed)
    except UnreadableSecret:
        raise SetupExpired from None
    step = totp.step_of(secret, code)
    if step is None:
        _refuse(user)
    codes = recovery.make()
    hashes = recovery.hashed(codes)
    lock(user)
    if is_enabled(user):
        db.session.rollback()
        raise AlreadyEnabled
    encrypted = SECRETS.encrypt(secret, user.id)
    db.session.add(TwoFactorSecret(user_id=user.id, encrypted=encrypted, last_step=step))
    recovery.replace(user, hashes)
    guess.was_right()
    if user.session is not None:
        user.session.has_second_factor = True
    sessions.end_all_others(user, by=user)
    audit.record("two_factor.enabled", by=user, subject=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, "enabled"))
    return codes


def use_code(user: User, code: str, *, is_known: bool) -> None:
    """Use up a code of the app. The caller commits, and the user is locked until then.

    `is_known` says that the browser was signed in before. Raises WrongCode, TooManyGuesses and
    UserGone.
    """
    guess = guesses_at_codes.count(user.id, is_known=is_known)
    _use_code(user, code, guess)


def use_recovery_code(user: User, code: str, *, is_known: bool) -> None:
    """Use up a recovery code, and queue a mail. The caller commits, as for `use_code`."""
    guess = guesses_at_codes.count(user.id, is_known=is_known)
    found = recovery.find(user.id, code)
    lock(user)
    if found is None or not recovery.use_up(found):
        _refuse(user)
    guess.was_right()
    left = recovery.count(user.id)
    audit.record("two_factor.recovery_code_used", by=user, subject=user, left=left)
    emails.send_recovery_code_used(user, left)


def renew_recovery_codes(user: User, *, code: str) -> list[str]:
    """Replace the recovery codes, and return the new ones.

    `code` is one of the app. Raises WrongCode, TooManyGuesses and NotEnabled.
    """
    ensure_not_impersonating(user)
    guess = guesses_at_codes.count(user.id, is_known=True)
    codes = recovery.make()
    hashes = recovery.hashed(codes)
    _use_code(user, code, guess)
    recovery.replace(user, hashes)
    audit.record("two_factor.recovery_codes_renewed", by=user, subject=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, "renewed"))
    return codes


def disable(user: User, *, code: str) -> None:
    """Turn two-factor authentication off. All other sessions end.

    `code` is one of the app. Raises WrongCode, TooManyGuesses, NotEnabled and Demanded.
    """
    ensure_not_impersonating(user)
    if must_stay_on(user):
        raise Demanded
    _use_code(user, code, guesses_at_codes.count(user.id, is_known=True))
    db.session.refresh(user, ["role"])
    if must_stay_on(user):
        db.session.rollback()
        raise Demanded
    _remove(user)
    if user.session is not None:
        user.session.has_second_factor = False
    sessions.end_all_others(user, by=user)
    audit.record("two_factor.disabled", by=user, subject=user)
    outbox.commit_and_notify(emails.send_two_factor_changed(user, "disabled"))


def reset(user: User, *, by: User | None) -> None:
    """Remove the second factor of a user who has lost it, and end their sessions.

    `by` is None on the command line. Raises NotEnabled, NotOnSelf, InsufficientPrivileges,
    NotWhileImpersonating and UserGone.
    """
    ensure_not_impersonating(by)
    ensure_not_self(user, by)
    lock_present(user, by=by)
    ensure_may_manage(by, user.role)
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
    ensure_may_manage(by, role)
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
    return sum(not _is_readable(row) for row in db.session.scalars(newest))


def _is_readable(row: TwoFactorSecret) -> bool:
    try:
        SECRETS.decrypt(row.encrypted, row.user_id)
    except UnreadableSecret:
        return False
    return True


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
        _refuse(user)
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


def _refuse(user: User) -> NoReturn:
    audit.record("two_factor.refused", by=user, subject=user)
    db.session.commit()
    raise WrongCode


def _remove(user: User) -> None:
    for model in (TwoFactorSecret, RecoveryCode, TrustedDevice):
        db.session.execute(delete(model).where(model.user_id == user.id))
