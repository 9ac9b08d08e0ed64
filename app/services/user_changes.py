"""Define the actions of administrators on users: their conditions, columns and effects.

Each rule is written once. A page applies a change to a locked user. Bulk changes evaluate the same
conditions and columns in SQL. Imports evaluate them on the rows that they have read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, not_, select

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import Role, User
from app.services import policy, sessions, unconfirmed


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The choices of the administrator who makes a change."""

    by: User | None = None
    role: Role | None = None
    reason: str = ""
    at: datetime = field(default_factory=now)

    @property
    def role_id(self) -> int | None:
        return self.role.id if self.role else None


@dataclass(frozen=True, kw_only=True)
class UserChange:
    """An action on a user: its conditions, the columns that it sets, and its effects."""

    event: str
    unless: dict[str, Callable[[Any, Parameters], Any]] = field(default_factory=dict)
    """Conditions that exclude a user, by the name of the reason. Given `User`, they return SQL."""
    columns: Callable[[Parameters], dict[str, Any]] = lambda _given: {}
    mail: Callable[[Any, Parameters], EmailMessage] | None = None
    ends_sessions: bool = False
    cancels_mail: bool = False
    voids_password: bool = False
    """Whether an unconfirmed account loses the password with which it was registered."""
    shuts_out: bool = False
    skips_self: bool = False
    is_open: Callable[[], bool] = lambda: True
    """Whether the settings allow the change at present."""

    def reasons(self, user: Any, given: Parameters) -> dict[str, Any]:
        """Return the conditions that exclude `user`; for the class `User`, as SQL."""
        unless = {name: condition(user, given) for name, condition in self.unless.items()}
        return {"deleted": user.is_deleted, **unless}

    def why_not(self, user: Any, given: Parameters) -> str:
        """Return the first reason that excludes `user`, a row or a model, or ""."""
        reasons = self.reasons(user, given).items()
        return next((name for name, condition in reasons if _holds(condition)), "")

    def takes_administrators(self, role: Role | None) -> bool:
        """Tell whether an administrator loses that role or access by the change."""
        return self.shuts_out if role is None else not role.is_administrator

    def refusal(
        self,
        user_id: int,
        former: Role | None,
        given: Parameters,
        *,
        actor_ids: Collection[int],
        demoted: Collection[int] = (),
    ) -> type[Exception] | None:
        """Return the exception of the policy that forbids the change, or None.

        `former` is the user's present role. The caller has locked the administrators. Users in
        `demoted` no longer count as administrators.
        """
        if self.skips_self and user_id in actor_ids:
            return policy.NotOnSelf
        roles = (role for role in (former, given.role) if role is not None)
        if not all(policy.may_grant(given.by, role.permissions) for role in roles):
            return policy.InsufficientPrivileges
        is_taken = former is not None and former.is_administrator
        is_taken = is_taken and self.takes_administrators(given.role)
        if is_taken and not policy.has_administrator(but=[*demoted, user_id]):
            return policy.LastAdministrator
        return None

    def changes(self, given: Parameters, former: str | None) -> dict[str, Any]:
        """Return the old and new values for the event."""
        return {"role": [former, given.role.name]} if given.role else {}

    def details(self, given: Parameters) -> dict[str, Any]:
        return {"reason": given.reason} if given.reason else {}


def lock(change: UserChange, user: User, given: Parameters) -> None:
    """Lock the rows that the rules read: administrators, then the role, then users.

    Raises NotOnSelf, InsufficientPrivileges, LastAdministrator, RoleGone and UserGone.
    """
    if given.role is not None or change.shuts_out:
        policy.lock_administrators()
    if given.role is not None:
        policy.lock_role(given.role)
    policy.lock(user, by=given.by)
    actor_ids = policy.actor_ids(given.by)
    if refusal := change.refusal(user.id, user.role, given, actor_ids=actor_ids):
        db.session.rollback()
        raise refusal


def apply(change: UserChange, user: User, given: Parameters, **details: Any) -> str:
    """Change a locked user and commit, or return the reason that excludes the user."""
    if reason := change.why_not(user, given):
        return reason
    outbox.commit_and_notify(write(change, user, given, **details))
    return ""


def write(change: UserChange, user: User, given: Parameters, **details: Any) -> EmailMessage | None:
    """Change a locked user, without the conditions, and return the mail. The caller commits."""
    former = user.role.name if user.role else None
    if change.voids_password:
        unconfirmed.void_password(user, by=given.by)
    if change.cancels_mail:
        outbox.cancel_for([user.id])
    for name, value in change.columns(given).items():
        setattr(user, name, value)
    if given.role is not None:
        user.role = given.role  # The mail contains its name.
    if change.ends_sessions:
        sessions.end_all(user)
    changes, details = change.changes(given, former), change.details(given) | details
    audit.record(change.event, by=given.by, subject=user, changes=changes, **details)
    return change.mail(user, given) if change.mail else None


def _holds(condition: Any) -> bool:
    """Evaluate a condition, which may be SQL on other tables than `users`."""
    if isinstance(condition, ColumnElement):
        condition = db.session.scalar(select(condition))
    return bool(condition)


def negate(condition: Any) -> Any:
    """Return the opposite of a condition, which is a bool or SQL."""
    return not condition if isinstance(condition, bool) else not_(condition)


CONFIRM = UserChange(
    event="user.confirmed",
    unless={
        "invited": lambda user, _given: user.is_invited,
        "confirmed": lambda user, _given: user.confirmed,
        "suspended": lambda user, _given: user.is_suspended,
    },
    columns=lambda _given: {"confirmed": True},
    mail=lambda user, _given: emails.send_reset_password(user.email),
    voids_password=True,
)
CONFIRM_KEEPING_PASSWORD = replace(CONFIRM, mail=None, voids_password=False)
CHANGE_ROLE = UserChange(
    event="user.role_changed",
    unless={"same_role": lambda user, given: user.role_id == given.role_id},
    columns=lambda given: {"role_id": given.role_id},
    mail=lambda user, _given: emails.send_role_changed(user),
    voids_password=True,
    skips_self=True,
)
SUSPEND = UserChange(
    event="user.suspended",
    unless={"already_suspended": lambda user, _given: user.is_suspended},
    columns=lambda given: {"suspended_at": given.at, "suspended_reason": given.reason},
    mail=lambda user, _given: emails.send_account_suspended(user),
    ends_sessions=True,
    shuts_out=True,
    skips_self=True,
)
REACTIVATE = UserChange(
    event="user.reactivated",
    unless={"not_suspended": lambda user, _given: negate(user.is_suspended)},
    columns=lambda _given: {"suspended_at": None, "suspended_reason": ""},
    mail=lambda user, _given: emails.send_account_reactivated(user),
)
# The changes that are chosen by their name. Features add theirs.
BY_NAME = {
    "confirm": CONFIRM,
    "change_role": CHANGE_ROLE,
    "suspend": SUSPEND,
    "reactivate": REACTIVATE,
}
