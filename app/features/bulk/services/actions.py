"""What can be done to many people at once: to whom, with what effect, and in which words.

Each is what a service does to one person (users, invitations, sessions), said of many: conditions
in place of exceptions, one statement in place of a row. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, not_, select

from app import emails
from app.models import EmailMessage, Role, User, UserSession
from app.services.accounts import HOUR, LINKS_AN_HOUR
from app.services.policy import assignable

Reasons = list[tuple[str, ColumnElement[bool]]]


@dataclass(frozen=True)
class Deed:
    """An action with all that it needs to know. `own_ids` are those of whoever acts."""

    action: Action
    by: User | None
    own_ids: frozenset[int]
    role: Role | None
    reason: str
    tell: bool
    at: datetime

    def why_not(self) -> ColumnElement[str]:
        """Return why a user in a query is left out: the first reason that is true, or ''.

        The query has to join each user's role, if there is one.
        """
        return case(
            *((condition, literal(reason)) for reason, condition in self._reasons()),
            else_=literal(""),
        )

    def _reasons(self) -> Reasons:
        reasons: Reasons = [("deleted", User.deleted_at.is_not(None))]
        if self.action.spares_oneself and self.own_ids:
            reasons.append(("oneself", User.id.in_(sorted(self.own_ids))))
        reasons.append(("above", and_(Role.id.is_not(None), not_(assignable(self.by)))))
        return reasons + self.action.already(self)

    @property
    def takes_administrators(self) -> bool:
        """Whether an administrator to whom it is done is none afterwards."""
        if self.role is not None:
            return not self.role.is_administrator
        return self.action.shuts_out


@dataclass(frozen=True)
class Person:
    """Someone to whom it is done, in place of a user, whom it takes five times as long to load.

    `role` and `deleted_at` are as they are afterwards.
    """

    id: int
    email: str
    first_name: str
    last_name: str
    former_role: str | None
    confirmed: bool
    role: Role | None = None
    deleted_at: datetime | None = None

    full_name = User.full_name
    purge_due_at = User.purge_due_at


@dataclass(frozen=True)
class Action:
    """One thing that can be done to many. Words come as in "Suspend 12 people"."""

    name: str
    verb: str
    done: str
    sentence: str
    noted_as: str
    already: Callable[[Deed], Reasons]
    """The reasons of this action alone, after those of all."""
    columns: Callable[[Deed], dict[str, Any]] = lambda _deed: {}
    changes: Callable[[Deed, str | None], dict[str, Any]] = lambda _deed, _former_role: {}
    details: Callable[[Deed], dict[str, Any]] = lambda _deed: {}
    mail: Callable[[Any, Deed], object] | None = None
    invites: bool = False
    needs_mail: bool = False
    """The mail is what it is about, so it is sent in any case."""
    ends_sessions: bool = False
    cancels_mail: bool = False
    voids_passwords: bool = False
    """Whether an account that nobody has confirmed loses the password it was made with."""
    shuts_out: bool = False
    spares_oneself: bool = True
    is_grave: bool = True
    """Whether the password has to have been given a short while ago."""
    has_reason: bool = False
    has_role: bool = False
    is_dangerous: bool = False


def _is_invited() -> ColumnElement[bool]:
    return and_(User.invited_at.is_not(None), User.password_hash.is_(None))


def _has_session(at: datetime) -> ColumnElement[bool]:
    live = select(UserSession.id).where(UserSession.user_id == User.id, UserSession.expires_at > at)
    return live.exists()


def _was_invited_often(at: datetime) -> ColumnElement[bool]:
    invited = EmailMessage.count_since(User.email, "invite", at - HOUR)
    return invited.correlate(User).scalar_subquery() >= LINKS_AN_HOUR


def _same_role(deed: Deed) -> ColumnElement[bool]:
    return User.role_id == (deed.role.id if deed.role else None)


def _because(deed: Deed) -> dict[str, Any]:
    return {"reason": deed.reason} if deed.reason else {}


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            name="confirm",
            verb="Confirm",
            done="confirmed",
            sentence="Their addresses count as confirmed. The passwords of the accounts stop "
            "working, as anybody can have made them: each gets a link to choose a new one.",
            noted_as="user.confirmed",
            already=lambda _deed: [
                ("invited", _is_invited()),
                ("confirmed", User.confirmed.is_(True)),
            ],
            columns=lambda _deed: {"confirmed": True},
            mail=lambda person, _deed: emails.send_reset_password(person.email),
            needs_mail=True,
            voids_passwords=True,
            spares_oneself=False,
        ),
        Action(
            name="resend_invitation",
            verb="Send invitations again to",
            done="invited again",
            sentence="Each gets a new invitation. The link in the earlier mail stops working.",
            noted_as="user.invitation_resent",
            already=lambda deed: [
                ("not_invited", not_(_is_invited())),
                ("suspended", User.suspended_at.is_not(None)),
                ("invited_often", _was_invited_often(deed.at)),
            ],
            columns=lambda deed: {"invited_at": deed.at},
            mail=lambda person, deed: emails.send_invite(person, invited_by=deed.by),
            invites=True,
            needs_mail=True,
            spares_oneself=False,
            is_grave=False,
        ),
        Action(
            name="change_role",
            verb="Change the role of",
            done="given the role",
            sentence="It counts from their next click on. An account that nobody has confirmed "
            "loses its password; a mail with a link to choose one goes to its owner in any case.",
            noted_as="user.role_changed",
            already=lambda deed: [("same_role", _same_role(deed))],
            columns=lambda deed: {"role_id": deed.role.id if deed.role else None},
            changes=lambda deed, former_role: {
                "role": [former_role, deed.role.name if deed.role else None]
            },
            mail=lambda person, _deed: emails.send_role_changed(person),
            voids_passwords=True,
            has_role=True,
        ),
        Action(
            name="suspend",
            verb="Suspend",
            done="suspended",
            sentence="They are signed out everywhere and cannot sign in until reactivated.",
            noted_as="user.suspended",
            already=lambda _deed: [("already_suspended", User.suspended_at.is_not(None))],
            columns=lambda deed: {"suspended_at": deed.at, "suspended_reason": deed.reason},
            details=_because,
            mail=lambda person, _deed: emails.send_account_suspended(person),
            ends_sessions=True,
            shuts_out=True,
            has_reason=True,
            is_dangerous=True,
        ),
        Action(
            name="reactivate",
            verb="Reactivate",
            done="reactivated",
            sentence="They can sign in again, with the password and the role that they had.",
            noted_as="user.reactivated",
            already=lambda _deed: [("not_suspended", User.suspended_at.is_(None))],
            columns=lambda _deed: {"suspended_at": None, "suspended_reason": ""},
            details=_because,
            mail=lambda person, _deed: emails.send_account_reactivated(person),
            has_reason=True,
            spares_oneself=False,
        ),
        Action(
            name="end_sessions",
            verb="Sign out",
            done="signed out",
            sentence="Every browser in which they are signed in asks for their password again.",
            noted_as="user.sessions_ended",
            already=lambda deed: [("not_signed_in", not_(_has_session(deed.at)))],
            ends_sessions=True,
        ),
        Action(
            name="delete",
            verb="Delete",
            done="deleted",
            sentence="They are signed out everywhere, and mail that waits for them is not sent. "
            "They can be restored for {days} days; after that they are erased for good.",
            noted_as="user.deleted",
            already=lambda _deed: [],
            columns=lambda deed: {"deleted_at": deed.at},
            mail=lambda person, _deed: emails.send_account_deleted(person),
            ends_sessions=True,
            cancels_mail=True,
            shuts_out=True,
            is_dangerous=True,
        ),
    )
}

# Why someone is left out, said of one and of many.
REASONS: dict[str, str] = {
    "oneself": "This is your own account",
    "above": "They may do what you may not",
    "last_administrator": "Nobody else could administer the app",
    "deleted": "Deleted already",
    "gone": "No longer there",
    "invited": "Invited, and the invitation is not accepted yet",
    "confirmed": "Confirmed already",
    "not_invited": "Without an open invitation",
    "suspended": "Suspended",
    "invited_often": f"Invited {LINKS_AN_HOUR} times within the last hour",
    "same_role": "They have this role already",
    "already_suspended": "Suspended already",
    "not_suspended": "Not suspended",
    "not_signed_in": "Not signed in anywhere",
}

# Why an operation was stopped before its end.
STOP_REASONS: dict[str, str] = {
    "actor_gone": "Whoever confirmed it no longer has an account that may sign in.",
    "actor_may_not": "Whoever confirmed it may no longer manage people.",
    "role_gone": "The role was deleted.",
    "no_invitations": "Invitations were closed by the settings of this app.",
    "role_above": "The role has permissions that whoever confirmed it does not have.",
}
