"""Sign in and register with an account of a provider, and link and unlink such accounts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn, cast

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError

from app.extensions import db
from app.features.oauth import emails, providers
from app.features.oauth.models import LinkedAccount
from app.features.oauth.providers import Identity, Provider
from app.kit import audit, email_rule, slots
from app.kit.database import now
from app.kit.mail import outbox
from app.models import User
from app.services import register as register_service
from app.services import sessions, unconfirmed
from app.services.own_account import UserGone, ensure_not_impersonating
from app.services.policy import lock
from app.services.user_access import WrongState, lock_to_reset

METHOD = "linked account"
QUARTER_OF_AN_HOUR = timedelta(minutes=15)
MOST = 20  # linked accounts of a user


class NotSignedIn(Exception):
    """Raised if an account of a provider signs nobody in. Each reason has a class of its own."""


class UserClosed(NotSignedIn):
    """Raised if the user is suspended or deleted."""


class EmailNotVerified(NotSignedIn):
    """Raised if nobody has linked the account, and the provider does not vouch for its email."""


class EmailHasAccount(NotSignedIn):
    """Raised if nobody has linked the account, and a user has its email. They link it first."""


class InvitationOpen(NotSignedIn):
    """Raised if nobody has linked the account, and its email has an open invitation."""


class NoRegistration(NotSignedIn):
    """Raised if nobody has linked the account, and visitors cannot register."""


class EmailRefused(NotSignedIn):
    """Raised if nobody has linked the account, and its email may not register, with the reason."""


class AlreadyLinked(Exception):
    """Raised if this or another user has linked the account."""


class TooManyLinked(Exception):
    """Raised if the user has MOST linked accounts."""


class NotLinked(WrongState):
    """Raised if the user has not linked the account, or has no linked account at all."""


# Questions


def of_user(user: User) -> list[LinkedAccount]:
    """Return the linked accounts of a user, the oldest first."""
    query = select(LinkedAccount).where(LinkedAccount.user_id == user.id)
    return list(db.session.scalars(query.order_by(LinkedAccount.id)))


def find_own(linked_account_id: int, user: User) -> LinkedAccount | None:
    found = db.session.get(LinkedAccount, linked_account_id)
    return found if found is not None and found.user_id == user.id else None


def usable(accounts: Iterable[LinkedAccount]) -> list[LinkedAccount]:
    """Return the accounts whose provider the settings still name."""
    return [account for account in accounts if account.provider in providers.configured()]


def label_of(account: LinkedAccount) -> str:
    """Return the name of the account's provider, as users know it."""
    provider = providers.configured().get(account.provider)
    return provider.label if provider else account.provider


# Signing in


def user_of(identity: Identity, provider: Provider) -> User:
    """Return the user who signs in with an account, who registers if the account is new.

    The caller starts a session, which commits. Raises NotSignedIn.
    """
    account = _find(identity)
    if account is None:
        return _register(identity, provider)
    user = db.session.get_one(User, account.user_id)
    try:
        lock(user)
        db.session.refresh(account)
    except (UserGone, InvalidRequestError):  # It was unlinked meanwhile.
        db.session.rollback()
        return user_of(identity, provider)
    if not user.is_active:
        _refuse(UserClosed(), provider, user, f"The account is {user.status}")
    _note_use(account, identity, provider)
    return user


def may_confirm(user: User, provider: Provider) -> bool:
    """Return whether a provider may make the sign-in of a user fresh.

    A provider that does not ask again would let a stranger at the browser in, so it confirms only
    users without a password or another way.
    """
    return provider.asks_again or not slots.has_other_sign_in_method(user, METHOD)


def confirm(identity: Identity, provider: Provider, *, by: User) -> None:
    """Check that an account is linked to `by`, who makes their sign-in fresh. Raises NotLinked.

    The caller commits.
    """
    ensure_not_impersonating(by)
    account = _find(identity)
    if account is None or account.user_id != by.id:
        _refuse(NotLinked(), provider, by, "It is not linked")
    _note_use(account, identity, provider)


def _find(identity: Identity) -> LinkedAccount | None:
    is_it = (LinkedAccount.issuer == identity.issuer) & (LinkedAccount.subject == identity.subject)
    return db.session.scalar(select(LinkedAccount).where(is_it))


def _note_use(account: LinkedAccount, identity: Identity, provider: Provider) -> None:
    account.last_used_at, account.provider = now(), provider.name
    account.email = identity.email or account.email


def _register(identity: Identity, provider: Provider) -> User:
    """Add a user without a password. The index on emails decides races. Raises NotSignedIn.

    An unconfirmed registration of the email is deleted, with its password and its sessions: a
    stranger may have made it, and wait for the owner of the email (app.services.unconfirmed).
    """
    if not identity.email or not identity.is_email_verified:
        _refuse(EmailNotVerified(), provider, None, "Its email is not verified")
    owner = User.by_email(identity.email)
    if owner is not None and not unconfirmed.is_registration(owner):
        known = InvitationOpen if owner.is_invited else EmailHasAccount
        refusal: NotSignedIn = known() if owner.is_active else UserClosed()
        _refuse(refusal, provider, owner, "The email has an account that does not link it")
    if not register_service.is_open():
        _refuse(NoRegistration(), provider, None, "Visitors cannot register")
    if problem := email_rule.problem_of(identity.email):
        _refuse(EmailRefused(problem), provider, None, "The email may not register")
    unconfirmed.delete_registration(identity.email, owner=None)
    user = User(
        first_name=identity.first_name,
        last_name=identity.last_name,
        email=identity.email,
        confirmed=True,
    )
    db.session.add(user)
    try:
        db.session.flush()
        db.session.add(_account(user, identity, provider, last_used_at=now()))
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        if _find(identity) is not None:  # by another tab
            return user_of(identity, provider)
        _refuse(EmailHasAccount(), provider, User.by_email(identity.email), "The email was taken")
    for prepare in register_service.ON_REGISTRATION:
        prepare(user)
    audit.record("user.registered", by=user, subject=user, provider=provider.label)
    mail = emails.send_linked_accounts_changed(user, "registered", provider.label)
    outbox.commit_and_notify(mail)
    return user


def _account(user: User, identity: Identity, provider: Provider, **values: Any) -> LinkedAccount:
    return LinkedAccount(
        user_id=user.id,
        provider=provider.name,
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email,
        **values,
    )


def _refuse(refusal: Exception, provider: Provider, user: User | None, reason: str) -> NoReturn:
    """Record that an account signed nobody in, commit, and raise `refusal`.

    Repeated events of an IP address are skipped for a quarter of an hour.
    """
    if audit.is_news("linked_account.refused", within=QUARTER_OF_AN_HOUR):
        audit.record(
            "linked_account.refused", by=None, subject=user, provider=provider.label, reason=reason
        )
    db.session.commit()
    raise refusal


# Linking and unlinking


def link(user: User, identity: Identity, provider: Provider) -> None:
    """Link an account to a user. Raises AlreadyLinked and TooManyLinked."""
    ensure_not_impersonating(user)
    lock(user)
    query = select(func.count()).select_from(LinkedAccount)
    if (db.session.scalar(query.where(LinkedAccount.user_id == user.id)) or 0) >= MOST:
        db.session.rollback()
        raise TooManyLinked
    db.session.add(_account(user, identity, provider))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise AlreadyLinked from None
    sessions.renew(user)
    audit.record("linked_account.linked", by=user, subject=user, provider=provider.label)
    outbox.commit_and_notify(emails.send_linked_accounts_changed(user, "linked", provider.label))


def unlink(account: LinkedAccount, *, by: User) -> None:
    """Unlink an account of `by`, and end their other sessions.

    Raises slots.LastSignInMethod and NotLinked.
    """
    ensure_not_impersonating(by)
    lock(by)
    try:
        db.session.refresh(account)
    except InvalidRequestError:
        db.session.rollback()
        raise NotLinked from None
    is_last = usable(of_user(by)) == [account]
    if is_last and not slots.has_other_sign_in_method(by, METHOD):
        db.session.rollback()
        raise slots.LastSignInMethod
    label = label_of(account)
    db.session.delete(account)
    sessions.end_all_others(by, by=by)
    audit.record("linked_account.unlinked", by=by, subject=by, provider=label)
    outbox.commit_and_notify(emails.send_linked_accounts_changed(by, "unlinked", label))


def reset(user: User, *, by: User) -> None:
    """Unlink all accounts of a user, and end their sessions.

    A user without a password gets a new one by a reset link. Raises NotLinked, NotOnSelf,
    InsufficientPrivileges, NotWhileImpersonating and UserGone.
    """
    lock_to_reset(user, by=by)
    unlinked = [label_of(one) for one in of_user(user)]
    removed = db.session.execute(delete(LinkedAccount).where(LinkedAccount.user_id == user.id))
    if not cast("CursorResult[Any]", removed).rowcount:
        db.session.rollback()
        raise NotLinked
    sessions.end_all(user)
    audit.record("linked_account.reset", by=by, subject=user, providers=", ".join(unlinked))
    outbox.commit_and_notify(emails.send_linked_accounts_changed(user, "reset"))
