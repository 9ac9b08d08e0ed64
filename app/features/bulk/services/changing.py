"""Change many users at once, in a handful of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.bulk.models import BulkOperation
from app.features.bulk.services import locks
from app.features.bulk.services.actions import (
    ACTIONS,
    REASONS,
    STOP_REASONS,
    PlannedAction,
    UserToChange,
)
from app.kit import audit
from app.kit.audit.many import record_each
from app.kit.database.ids import among
from app.kit.mail import outbox, writing
from app.kit.operations import BatchOutcome, BulkColumns, Kind, Stop
from app.models import User, UserSession
from app.services import sessions, unconfirmed
from app.services.policy import RoleGone


class UsersInBulk(Kind):
    """The bulk actions on users."""

    name = "users"
    events: ClassVar = {
        "confirmed": "bulk.confirmed",
        "continued": "bulk.continued",
        "downloaded": "bulk.downloaded",
        "stopped": "bulk.stopped",
    }
    headers = ("First name", "Last name", "Email")
    reasons = REASONS
    stop_reasons = STOP_REASONS

    def details(self, operation: BulkColumns) -> dict[str, Any]:
        return {"people": operation.to_do, **operation.selection, **operation.arguments}

    def done(self, operation: BulkColumns) -> str:
        role = operation.parameters.get("role_name", "")
        return f"{ACTIONS[operation.action].done} {role}".strip()

    def do(self, operation: BulkColumns, ids: Sequence[int]) -> BatchOutcome:
        try:
            with db.session.no_autoflush:  # Write the operation's row once, at the end.
                planned = locks.lock(cast("BulkOperation", operation), ids)
                people, left_out = locks.sort_out(planned, ids)
                has_mail = bool(people) and change(operation, planned, people)
        except (RoleGone, IntegrityError) as error:
            raise Stop("role_gone") from error
        return BatchOutcome(len(people), left_out, has_mail)

    def shown(self, ids: Sequence[int]) -> Sequence[Any]:
        query = select(User.id, User.first_name, User.last_name, User.email)
        return db.session.execute(query.where(among(User.id, ids)).order_by(User.id)).all()

    def described(self, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        return {user_id: [part or "" for part in parts] for user_id, *parts in self.shown(ids)}


def change(operation: BulkColumns, planned: PlannedAction, people: Sequence[UserToChange]) -> bool:
    """Apply the action to users that qualify, and tell whether there is mail."""
    of_them = [person.id for person in people]
    effect = planned.action.change
    is_told = effect.mail is not None and (planned.tell or planned.action.needs_mail)
    has_mail = is_told
    if effect.voids_password:
        # Users must learn that their password is void, so this mail ignores the checkbox.
        has_mail |= unconfirmed.void_passwords(
            among(User.id, of_them), operation.provenance, with_link=not is_told
        )
    if columns := effect.columns(planned):
        db.session.execute(
            update(User).where(among(User.id, of_them)).values(**columns),
            execution_options={"synchronize_session": False},
        )
    if effect.ends_sessions:
        sessions.note_end(of_them)
        db.session.execute(
            delete(UserSession).where(among(UserSession.user_id, of_them)),
            execution_options={"synchronize_session": False},
        )
        sessions.end_impersonations(among(UserSession.acting_as_id, of_them))
    if effect.cancels_mail:
        outbox.cancel_for(of_them)
    note(operation, planned, people)
    if is_told and (mail := effect.mail):
        with writing.in_batch():
            for person in people:
                mail(person, planned)
    return has_mail


def note(operation: BulkColumns, planned: PlannedAction, people: Sequence[UserToChange]) -> None:
    """Add an audit event for each user, as if an administrator had changed them one by one."""
    effect = planned.action.change
    details = {**effect.details(planned), "operation": operation.id}
    if token := operation.parameters.get("token"):
        details["token"] = token
    values = audit.values(effect.event, by=None, **details) | operation.provenance
    by_role: dict[str | None, list[int]] = {}
    for person in people:
        by_role.setdefault(person.former_role, []).append(person.id)
    for former_role, ids in by_role.items():
        subjects = select(User.id, User.email).where(among(User.id, ids)).order_by(User.id)
        changes = effect.changes(planned, former_role)
        record_each(values | {"changes": changes}, subjects, kind="user")
