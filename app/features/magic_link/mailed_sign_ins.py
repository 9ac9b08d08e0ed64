"""Ask for a mail to sign in, and sign in with its link or its code."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy import update

from app import emails
from app.extensions import db
from app.features.magic_link import emails as own_emails
from app.features.magic_link import proofs
from app.features.magic_link.models import MailedSignIn
from app.kit import audit, guesses, guesses_at_codes
from app.kit.attempts import Limit
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.kit.names import canonical_email
from app.models import User, UserSession
from app.services.mailed_links import (
    LINKS_AN_HOUR,
    LinkRefused,
    find_by_token,
    lock_by_token,
    send_sparingly,
)
from app.services.policy import lock
from app.services.sign_in import knows_browser

GUESSES = 5  # at the code of one mail

# A stranger who asks for a mail may guess at its code. 40 guesses in 30 days succeed once in 25,000
# times. Links and the password have limits of their own, so the owner can still sign in.
CODE = Limit("code by mail", 10, 40, guesses.MONTH)
KNOWN_CODE = Limit("code by mail in known browsers", 10, 40, guesses.MONTH)


class WrongMailedCode(Exception):
    """Raised if the code is wrong. `is_over` tells whether only a new mail can help."""

    def __init__(self, *, is_over: bool) -> None:
        super().__init__("the code is wrong")
        self.is_over = is_over


class OtherBrowser(LinkRefused):
    """Raised if the link works, but in another browser."""


@dataclass(frozen=True, kw_only=True)
class MailRequest:
    """A request for a mail, as the session cookie of its browser holds it."""

    request_id: int
    secret: str
    email: str
    remember: bool = False
    to: str = ""


def ask(email: str, *, remember: bool = False, to: str = "", marks: str = "") -> MailRequest:
    """Queue a mail with a link and a code, and return what the browser has to keep.

    For an unknown email the same rows are written, so that both cases take the same time. The
    worker cancels that mail. A user who has not confirmed the address gets the link for that, and
    the owner of a deleted account is told that it is deleted. A known browser, by `marks`, may get
    as many mails again as strangers, who cannot use up its own.
    """
    email, secret = canonical_email(email), UserSession.new_token()
    owner = User.by_email(email)
    request = MailedSignIn(
        user_id=owner.id if owner else None, browser=UserSession.hash_token(secret)
    )
    db.session.add(request)
    db.session.flush()
    asked = MailRequest(request_id=request.id, secret=secret, email=email, remember=remember, to=to)
    audit.record("session.link_asked", by=None, by_label=email, subject=owner)

    def send_sign_in_link(recipient: str) -> EmailMessage:
        return own_emails.send_sign_in_link(recipient, asked.request_id)

    if owner is not None and owner.is_deleted:
        send_sparingly(emails.send_address_reserved, email, limit=1)
    elif owner is not None and owner.status == "unconfirmed":
        send_sparingly(emails.send_confirm, owner)
    else:
        limit = LINKS_AN_HOUR * (2 if knows_browser(email, marks) else 1)
        send_sparingly(send_sign_in_link, email, limit=limit)
    return asked


def find_link(token: str, asked: MailRequest | None) -> User:
    """Return the user that a valid link belongs to. Raises LinkRefused and OtherBrowser."""
    user = find_by_token(proofs.PURPOSE, token)
    _request_of_link(token, asked, user)
    return user


def use_link(token: str, asked: MailRequest | None) -> User:
    """Use a link, and return its user, locked. Raises LinkRefused and OtherBrowser.

    The caller starts a session, which commits.
    """
    user = lock_by_token(proofs.PURPOSE, token)
    if not user.confirmed or not _use(_request_of_link(token, asked, user)):
        db.session.rollback()
        raise LinkRefused
    return user


def use_code(asked: MailRequest, typed: str, *, marks: str = "") -> User:
    """Check the code of a mail, and return its user, locked. The caller starts a session.

    The guess is counted first: at the code of this mail, and at all codes of this email. `marks`
    are the marks of known browsers from the cookie. An unknown email, a suspended user and a wrong
    code have the same answer. Raises WrongMailedCode and TooManyGuesses.
    """
    limit = KNOWN_CODE if knows_browser(asked.email, marks) else CODE
    guess = guesses_at_codes.count_each({limit: asked.email})
    request = _guessed_at(asked)
    user = db.session.get(User, request.user_id) if request and request.user_id else None
    if user is not None:
        lock(user)
    if (
        request is None
        or user is None
        or not (user.is_active and user.confirmed)
        or not hmac.compare_digest(proofs.code_of(user, request).encode(), typed.encode())
        or not _use(request)
    ):
        audit.record("session.code_refused", by=None, by_label=asked.email, subject=user)
        db.session.commit()
        raise WrongMailedCode(is_over=request is None or request.guesses >= GUESSES)
    guess.was_right()
    return user


def _request_of_link(token: str, asked: MailRequest | None, user: User) -> MailedSignIn:
    """Return the request that a valid link of `user` answers. Raises OtherBrowser."""
    request_id = proofs.request_id_of(token)
    if asked is None or asked.request_id != request_id:
        raise OtherBrowser
    request = db.session.get(MailedSignIn, request_id)
    # SQLite gives the id of a deleted request to the next one, which may be of another user.
    if request is None or request.user_id != user.id:
        raise OtherBrowser
    if not hmac.compare_digest(request.browser, UserSession.hash_token(asked.secret)):
        raise OtherBrowser
    return request


def _guessed_at(asked: MailRequest) -> MailedSignIn | None:
    """Count a guess at the code of a request, and return the request if it is still open."""
    request = db.session.scalar(
        update(MailedSignIn)
        .where(
            MailedSignIn.id == asked.request_id,
            MailedSignIn.browser == UserSession.hash_token(asked.secret),
            MailedSignIn.used_at.is_(None),
            MailedSignIn.created_at > now() - proofs.LIFETIME,
            MailedSignIn.guesses < GUESSES,
        )
        .values(guesses=MailedSignIn.guesses + 1)
        .returning(MailedSignIn),
        execution_options={"populate_existing": True},
    )
    db.session.commit()
    return request


def _use(request: MailedSignIn) -> bool:
    """Mark a request as used, and return whether this call was the one that did."""
    used = db.session.scalar(
        update(MailedSignIn)
        .where(MailedSignIn.id == request.id, MailedSignIn.used_at.is_(None))
        .values(used_at=now())
        .returning(MailedSignIn.id),
        execution_options={"synchronize_session": False},
    )
    return used is not None
