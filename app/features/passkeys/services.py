"""Add, rename, remove and reset passkeys."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, exists, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from webauthn.helpers.structs import CredentialDeviceType

from app.extensions import db
from app.features.passkeys import ceremonies, challenges, emails
from app.features.passkeys.challenges import Purpose
from app.features.passkeys.models import Passkey, PasskeyOwner
from app.features.passkeys.places import Place
from app.kit import audit, slots
from app.kit.mail import outbox
from app.models import User
from app.services import sessions
from app.services.own_account import ensure_not_impersonating
from app.services.policy import lock
from app.services.user_access import WrongState, lock_to_reset

METHOD = "passkey"
MOST = 20  # passkeys of a user


class AlreadyAdded(Exception):
    """Raised if an account has the passkey already."""


class TooManyPasskeys(Exception):
    """Raised if the user has MOST passkeys."""


class NoPasskeys(WrongState):
    """Raised if the user has no passkey, or not this one any more."""


# Questions


def of_user(user: User) -> list[Passkey]:
    """Return the passkeys of a user, the oldest first."""
    query = select(Passkey).where(Passkey.user_id == user.id).order_by(Passkey.id)
    return list(db.session.scalars(query))


def has_any(user: User) -> bool:
    query = select(Passkey.id).where(Passkey.user_id == user.id).limit(1)
    return db.session.scalar(query) is not None


def is_asked_after_password(user: User) -> bool:
    """Tell whether a user has chosen to give a passkey after the password."""
    has_passkey = exists().where(Passkey.user_id == PasskeyOwner.user_id)
    query = select(PasskeyOwner.user_id).where(
        PasskeyOwner.user_id == user.id, PasskeyOwner.is_asked_after_password, has_passkey
    )
    return db.session.scalar(query) is not None


def find_own(passkey_id: int, user: User) -> Passkey | None:
    return db.session.scalar(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user.id)
    )


# Changes by their owner


def options_to_add(user: User, place: Place, binding: str) -> dict[str, Any]:
    """Return the options with which a browser makes a passkey of `user`."""
    ensure_not_impersonating(user)
    lock(user)
    owner = db.session.get(PasskeyOwner, user.id)
    if owner is None:
        owner = PasskeyOwner(user_id=user.id)
        db.session.add(owner)
    db.session.commit()
    return ceremonies.options_to_make(
        place,
        challenges.new(Purpose.ADD, user.id, binding),
        site=current_app.config["APP_NAME"],
        email=user.email,
        handle=owner.handle,
        has=of_user(user),
    )


def add(user: User, text: str, *, name: str, place: Place, binding: str) -> Passkey:
    """Add the passkey that a browser has made, whose answer is `text`.

    Raises Malformed, NotVerified, AlreadyAdded and TooManyPasskeys.
    """
    ensure_not_impersonating(user)
    answer = ceremonies.read_new(text)
    challenge = ceremonies.challenge_of(answer)
    nonce = challenges.nonce_of(challenge, Purpose.ADD, user.id, binding)
    verified = ceremonies.verify_new(answer, challenge, place)
    lock(user)
    if len(of_user(user)) >= MOST:
        db.session.rollback()
        raise TooManyPasskeys
    challenges.use_up(nonce)
    passkey = Passkey(
        user_id=user.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=",".join(dict.fromkeys(one.value for one in answer.response.transports or [])),
        aaguid=verified.aaguid,
        is_backup_eligible=verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        is_backed_up=verified.credential_backed_up,
        name=name,
    )
    db.session.add(passkey)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise AlreadyAdded from None
    if user.session is not None:
        user.session.has_second_factor = True  # The passkey has verified its user.
    sessions.renew(user)
    audit.record("passkey.added", by=user, subject=user, passkey=name)
    outbox.commit_and_notify(emails.send_passkeys_changed(user, "added", name))
    return passkey


def rename(passkey: Passkey, name: str, *, by: User) -> None:
    """Rename a passkey. Raises NoPasskeys if it was removed meanwhile."""
    _lock_own(passkey, by)
    before, passkey.name = passkey.name, name
    audit.record("passkey.renamed", by=by, subject=by, passkey=name, before=before)
    db.session.commit()


def remove(passkey: Passkey, *, by: User) -> None:
    """Remove a passkey of `by`, and end their other sessions.

    Raises slots.LastSignInMethod and NoPasskeys.
    """
    _lock_own(passkey, by)
    others = [one for one in of_user(by) if one is not passkey]
    if not others and not slots.has_other_sign_in_method(by, METHOD):
        db.session.rollback()
        raise slots.LastSignInMethod
    name = passkey.name
    db.session.delete(passkey)
    if not others:
        _forget_choice(by)
        if by.session is not None:
            by.session.has_second_factor = False
    sessions.end_all_others(by, by=by)
    audit.record("passkey.removed", by=by, subject=by, passkey=name)
    outbox.commit_and_notify(emails.send_passkeys_changed(by, "removed", name))


def ask_after_password(user: User, *, is_asked: bool) -> None:
    """Ask for a passkey after the password from now on, or stop to. Raises NoPasskeys."""
    ensure_not_impersonating(user)
    lock(user)
    owner = db.session.get(PasskeyOwner, user.id)
    if owner is None or not has_any(user):
        db.session.rollback()
        raise NoPasskeys
    if owner.is_asked_after_password == is_asked:
        return
    owner.is_asked_after_password = is_asked
    action = "passkey.wanted_after_password" if is_asked else "passkey.not_wanted_after_password"
    audit.record(action, by=user, subject=user)
    change = "wanted" if is_asked else "not_wanted"
    outbox.commit_and_notify(emails.send_passkeys_changed(user, change))


def reset(user: User, *, by: User | None) -> None:
    """Remove all passkeys of a user who has lost them, and end their sessions.

    A user without a password gets a new one by a reset link. `by` is None on the command line.
    Raises NoPasskeys, NotOnSelf, InsufficientPrivileges, NotWhileImpersonating and UserGone.
    """
    lock_to_reset(user, by=by)
    removed = db.session.execute(delete(Passkey).where(Passkey.user_id == user.id))
    if not cast("CursorResult[Any]", removed).rowcount:
        db.session.rollback()
        raise NoPasskeys
    _forget_choice(user)
    sessions.end_all(user)
    audit.record("passkey.reset", by=by, subject=user)
    outbox.commit_and_notify(emails.send_passkeys_changed(user, "reset"))


def _lock_own(passkey: Passkey, by: User) -> None:
    ensure_not_impersonating(by)
    lock(by)
    try:
        db.session.refresh(passkey)
    except InvalidRequestError:
        db.session.rollback()
        raise NoPasskeys from None


def _forget_choice(user: User) -> None:
    owner = db.session.get(PasskeyOwner, user.id)
    if owner is not None:
        owner.is_asked_after_password = False
