"""Check the answer of a passkey: who signs in with it, and whether it may be a copy."""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest
from typing import Any, NoReturn

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers.structs import AuthenticationCredential, CredentialDeviceType

from app.extensions import db
from app.features.passkeys import ceremonies, challenges, emails, services
from app.features.passkeys.challenges import NotVerified, Purpose
from app.features.passkeys.models import Passkey, PasskeyOwner
from app.features.passkeys.places import Place
from app.kit import audit
from app.kit.database import now
from app.kit.mail import outbox
from app.models import User
from app.services import policy
from app.services.own_account import UserGone

QUARTER_OF_AN_HOUR = timedelta(minutes=15)


class UnknownPasskey(Exception):
    """Raised if no account, or another one, has the passkey."""


class CopiedPasskey(Exception):
    """Raised if the counter of a passkey went back, so that a copy of it seems to exist."""


class AccountClosed(Exception):
    """Raised if the user of a passkey is suspended or deleted."""


def options(
    purpose: Purpose, *, place: Place, binding: str, user: User | None = None
) -> dict[str, Any]:
    """Return the options with which a browser signs, with a passkey of `user` or of any user."""
    challenge = challenges.new(purpose, user.id if user else 0, binding)
    passkeys = services.of_user(user) if user else []
    return ceremonies.options_to_sign(place, challenge, has=passkeys, is_alone=_is_alone(purpose))


def use(
    purpose: Purpose, text: str, *, place: Place, binding: str, user: User | None = None
) -> User:
    """Return the user whose passkey has signed the answer `text`.

    The user stays locked, and the caller commits: the challenge is used and the session is there,
    or neither. Without `user`, the passkey tells who signs in. Raises Malformed, NotVerified,
    UnknownPasskey, CopiedPasskey and AccountClosed.
    """
    answer = ceremonies.read_signed(text)
    challenge = ceremonies.challenge_of(answer)
    passkey, owner = _find(answer, user)
    try:
        nonce = challenges.nonce_of(challenge, purpose, user.id if user else 0, binding)
        verified = ceremonies.verify_signed(
            answer,
            challenge,
            place,
            public_key=passkey.public_key,
            is_alone=_is_alone(purpose),
        )
        _lock(passkey, owner)
        _check_kind(passkey, verified)
        _check_handle(answer, owner, is_required=user is None)
        challenges.use_up(nonce)
    except NotVerified:
        _refuse(owner, "The answer could not be verified")
        raise
    if not owner.is_active:
        _refuse(owner, f"The account is {owner.status}")
        raise AccountClosed
    if _went_back(passkey, verified):
        _refuse_copy(passkey, owner)
    passkey.sign_count = verified.new_sign_count
    passkey.is_backed_up = verified.credential_backed_up
    passkey.last_used_at = now()
    return owner


def _is_alone(purpose: Purpose) -> bool:
    """Tell whether the passkey is the only factor, so that it must verify its user."""
    return purpose is not Purpose.SECOND_STEP


def _find(answer: AuthenticationCredential, user: User | None) -> tuple[Passkey, User]:
    passkey = db.session.scalar(select(Passkey).where(Passkey.credential_id == answer.raw_id))
    owner = db.session.get(User, passkey.user_id) if passkey else None
    if passkey is None or owner is None or (user is not None and owner is not user):
        _refuse(user, "The account has no such passkey")
        raise UnknownPasskey
    return passkey, owner


def _lock(passkey: Passkey, owner: User) -> None:
    try:
        policy.lock(owner)
        db.session.refresh(passkey)
    except (UserGone, InvalidRequestError):
        db.session.rollback()
        raise UnknownPasskey from None


def _check_handle(answer: AuthenticationCredential, owner: User, *, is_required: bool) -> None:
    """Check that the authenticator made the passkey for its owner (WebAuthn Level 3, 7.2)."""
    given = answer.response.user_handle
    known = db.session.get(PasskeyOwner, owner.id)
    if given is None and not is_required:
        return
    if given is None or known is None or not compare_digest(given, known.handle):
        raise NotVerified


def _check_kind(passkey: Passkey, verified: VerifiedAuthentication) -> None:
    """Check that a passkey of one device has not become a synced one (WebAuthn Level 3, 7.2)."""
    is_eligible = verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    if is_eligible != passkey.is_backup_eligible:
        raise NotVerified


def _went_back(passkey: Passkey, verified: VerifiedAuthentication) -> bool:
    """Tell whether the counter did not grow. An authenticator that does not count sends 0."""
    count = verified.new_sign_count
    return (count > 0 or passkey.sign_count > 0) and count <= passkey.sign_count


def _refuse_copy(passkey: Passkey, owner: User) -> NoReturn:
    name = passkey.name
    db.session.rollback()
    is_news = audit.is_news("passkey.copy_refused", within=QUARTER_OF_AN_HOUR)
    if is_news:
        audit.record(
            "passkey.copy_refused", by=None, by_label=owner.email, subject=owner, passkey=name
        )
        outbox.commit_and_notify(emails.send_passkeys_changed(owner, "copied", name))
    raise CopiedPasskey


def _refuse(user: User | None, reason: str) -> None:
    """Record a refusal, once in a quarter of an hour for an IP address."""
    db.session.rollback()
    if audit.is_news("passkey.refused", within=QUARTER_OF_AN_HOUR):
        label = user.email if user else ""
        audit.record("passkey.refused", by=None, by_label=label, subject=user, reason=reason)
    db.session.commit()
