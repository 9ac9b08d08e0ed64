"""The bulk actions and their wording. Their rules are in user_changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, not_, select

from app.models import Role, User, UserSession
from app.services import user_changes
from app.services.mailed_links import LINKS_AN_HOUR
from app.services.policy import assignable
from app.services.user_changes import Parameters, UserChange


@dataclass(frozen=True, kw_only=True)
class PlannedAction(Parameters):
    """An action with its arguments.

    `actor_ids` are the ids of the user who confirmed it, and of the impersonator if there is one.
    """

    action: Action
    actor_ids: frozenset[int]
    tell: bool

    def why_not(self) -> ColumnElement[str]:
        """Return an SQL expression for why a user is left out: the first true reason, or ''.

        The query must outer-join the user's role.
        """
        change = self.action.change
        reasons: dict[str, Any] = {"deleted": User.is_deleted}
        if change.skips_self and self.actor_ids:
            reasons["oneself"] = User.id.in_(sorted(self.actor_ids))
        reasons["above"] = and_(Role.id.is_not(None), not_(assignable(self.by)))
        reasons |= change.reasons(User, self)
        whens = ((condition, literal(reason)) for reason, condition in reasons.items())
        return case(*whens, else_=literal(""))

    @property
    def takes_administrators(self) -> bool:
        """Whether the action makes an administrator lose the right to administer."""
        return self.action.change.takes_administrators(self.role)


@dataclass(frozen=True)
class UserToChange:
    """Lightweight stand-in for `User`; loading the ORM object is five times slower.

    `role` and `deleted_at` are the values after the action.
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
    """An action that can be done in bulk. `verb` reads as in "Suspend 12 people"."""

    name: str
    verb: str
    done: str
    sentence: str
    needs_mail: bool = False
    """Whether the mail is the purpose of the action, and so is always sent."""
    requires_fresh_sign_in: bool = True
    """Whether the administrator must have entered the password recently."""
    has_reason: bool = False
    has_role: bool = False
    is_dangerous: bool = False

    @property
    def is_offered(self) -> bool:
        """Whether the rule of this action is there; other features bring those of some."""
        return self.name in user_changes.BY_NAME

    @property
    def change(self) -> UserChange:
        return user_changes.BY_NAME[self.name]


def _has_session(user: Any, given: Parameters) -> ColumnElement[bool]:
    is_live = UserSession.expires_at > given.at
    return select(UserSession.id).where(UserSession.user_id == user.id, is_live).exists()


# For a single user, the same action ends sessions even if there are none. For the signed-in user
# it ends all sessions but the current one.
END_SESSIONS = UserChange(
    event="user.sessions_ended",
    unless={"not_signed_in": lambda user, given: not_(_has_session(user, given))},
    ends_sessions=True,
    skips_self=True,
)
user_changes.BY_NAME["end_sessions"] = END_SESSIONS

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            name="confirm",
            verb="Confirm",
            done="confirmed",
            sentence="Their addresses count as confirmed. The passwords of the accounts stop "
            "working, as anybody can have made them: each gets a link to choose a new one.",
            needs_mail=True,
        ),
        Action(
            name="resend_invitation",
            verb="Send invitations again to",
            done="invited again",
            sentence="Each gets a new invitation. The link in the earlier mail stops working.",
            needs_mail=True,
            requires_fresh_sign_in=False,
        ),
        Action(
            name="change_role",
            verb="Change the role of",
            done="given the role",
            sentence="It counts from their next click on. An account that nobody has confirmed "
            "loses its password; a mail with a link to choose one goes to its owner in any case.",
            has_role=True,
        ),
        Action(
            name="suspend",
            verb="Suspend",
            done="suspended",
            sentence="They are signed out everywhere and cannot sign in until reactivated.",
            has_reason=True,
            is_dangerous=True,
        ),
        Action(
            name="reactivate",
            verb="Reactivate",
            done="reactivated",
            sentence="They can sign in again, with the password and the role that they had.",
            has_reason=True,
        ),
        Action(
            name="end_sessions",
            verb="Sign out",
            done="signed out",
            sentence="Every browser in which they are signed in asks for their password again.",
        ),
        Action(
            name="delete",
            verb="Delete",
            done="deleted",
            sentence="They are signed out everywhere, and mail that waits for them is not sent. "
            "They can be restored for {days} days; after that they are erased for good.",
            is_dangerous=True,
        ),
    )
}

# Reasons for leaving a user out, worded for one user and for many.
REASONS: dict[str, str] = {
    "oneself": "This is your own account",
    "above": "They have permissions that you lack",
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

# Reasons for stopping an operation early.
STOP_REASONS: dict[str, str] = {
    "actor_gone": "The administrator who confirmed it can no longer sign in.",
    "actor_may_not": "The administrator who confirmed it may no longer manage people.",
    "role_gone": "The role was deleted.",
    "not_offered": "The action was switched off, or closed by the settings of this app.",
    "no_invitations": "Invitations were closed by the settings of this app.",
    "role_above": "The role has permissions that the administrator who confirmed it lacks.",
}
