"""Programs sign in with a password, and get a token for a while."""

from datetime import timedelta

from flask import current_app

from app.extensions import db
from app.features.api import tokens
from app.features.api.models import TokenAccess, TokenKind
from app.features.api.tokens import NewToken
from app.kit import audit, queue
from app.kit.database import now
from app.kit.web.sign_in import second_steps
from app.kit.web.sign_in.second_steps import SecondStep
from app.models import User
from app.services import sessions
from app.services import sign_in as sign_in_service

METHOD = "password, API"


class SignInRefused(Exception):
    """Raised if the email or the password is wrong, or the account is suspended or deleted."""


class EmailUnconfirmed(Exception):
    """Raised if the user has not confirmed their email."""


class SecondStepNeeded(Exception):
    """Raised if a code is missing or wrong. `methods` are the methods that take a code."""

    def __init__(self, methods: list[str], *, is_wrong: bool) -> None:
        super().__init__(methods)
        self.methods, self.is_wrong = methods, is_wrong


def sign_in(email: str, password: str, *, code: str, name: str, access: TokenAccess) -> NewToken:
    """Make a short-lived token with all permissions of a user, who gave the password.

    `code` is that of a second step, or "". Raises SignInRefused, EmailUnconfirmed,
    SecondStepNeeded, TooManyGuesses and UserGone.
    """
    user = sign_in_service.authenticate(email, password)
    if user is None:
        raise SignInRefused
    if not user.confirmed:
        db.session.commit()  # The guess was right.
        raise EmailUnconfirmed
    steps = second_steps.steps_of(user, "password")
    if steps:
        _use_code(user, steps, code)
    for prepare in sessions.BEFORE_START:
        prepare(user)
    made = tokens.add(
        user,
        name=name,
        scopes=user.permissions,
        access=access,
        kind=TokenKind.SHORT_LIVED,
        lifetime=timedelta(minutes=current_app.config["API_SIGN_IN_MINUTES"]),
        has_second_factor=bool(steps),
    )
    user.last_seen_at = now()
    audit.record("session.started", by=user, subject=user, way=METHOD)
    db.session.commit()
    if steps:  # A recovery code has queued a mail.
        queue.enqueue("drain_outbox")
    return made


def _use_code(user: User, steps: list[SecondStep], code: str) -> None:
    """Use up a code of one of the methods. The user is locked afterwards."""
    uses = {one.label: one.use_code for one in steps if one.use_code is not None}
    state = user.sign_in_state()
    if not code:
        sign_in_service.note_first_step(user, METHOD)
        raise SecondStepNeeded([*uses], is_wrong=False)
    db.session.commit()  # The guess was right. A method checks its codes in its own transaction.
    if not any(use(user, code) for use in uses.values()):
        raise SecondStepNeeded([*uses], is_wrong=True)
    # The account may have changed since the password was checked.
    if user.sign_in_state() != state or not user.is_active:
        db.session.rollback()
        raise SignInRefused
