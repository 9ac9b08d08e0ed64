"""Save previews of bulk actions: the users to process and the users left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Integer,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from app.extensions import db, is_sqlite
from app.features.bulk.models import BulkItem, BulkOperation, BulkState
from app.features.bulk.services.actions import ACTIONS, PlannedAction
from app.features.bulk.services.operations import planned_action
from app.features.user_search import Filters
from app.kit import audit
from app.kit.database.postgresql import patience
from app.models import Role, User
from app.services import policy, registration

MOST_PICKED = 1000
MOST_PREVIEWS = 5  # unconfirmed previews per user
SAMPLE = 5
MANY = 10_000
# A preview may read a million users, so it gets more time than other statements of a request.
TIMEOUT = 60  # seconds


class NobodyChosen(Exception):
    """The selection holds no user."""


@dataclass(frozen=True)
class PreviewSample:
    """Some of the users left out for a reason, and the number of all of them."""

    reason: str
    count: int
    people: list[Any]


def preview(
    action: str,
    *,
    by: User,
    user_ids: Sequence[int] = (),
    filters: Filters | None = None,
    role: Role | None = None,
) -> BulkOperation:
    """Save a preview of `action`: the users to process and the users left out.

    The users are those of `user_ids`, or with `filters` all that the list shows. The selection is
    fixed: users who match later are not added. Raises NobodyChosen, InsufficientPrivileges and
    InvitationsClosed.
    """
    policy.ensure_may_manage(by, role)
    if ACTIONS[action].invites:
        registration.require_invitations()
    if not is_sqlite():
        db.session.execute(text(f"SET LOCAL statement_timeout = {TIMEOUT * 1000}"))
        patience.set(TIMEOUT + 2.0)
    chosen = {"filter": filters.to_query()} if filters is not None else {"picked": len(user_ids)}
    operation = BulkOperation(
        action=action,
        parameters={"role_id": role.id, "role_name": role.name} if role else {},
        selection=chosen,
        actor_id=by.id,
        actor_label=by.email,
        provenance=audit.provenance(by),
    )
    db.session.add(operation)
    db.session.flush()
    conditions: list[ColumnElement[bool]] = [User.id.in_(user_ids)]
    if filters is not None:
        conditions = filters.conditions()
    operation.total = _write_items(
        operation, planned_action(operation, by=by, role=role), conditions
    )
    if not operation.total:
        db.session.rollback()
        raise NobodyChosen
    operation.left_out = _count_left_out(operation)
    if filters is None and (gone := len(set(user_ids)) - operation.total):
        operation.left_out = {**operation.left_out, "gone": gone}
        operation.total += gone
    _forget_earlier(by)
    if operation.total > MANY and not is_sqlite():
        # With stale statistics the planner expects few rows, and sorts all of them per batch.
        db.session.execute(text("ANALYZE bulk_items"))
    db.session.commit()
    return operation


def _forget_earlier(by: User) -> None:
    """Delete all but the latest previews of `by`, as each may hold a row for every user."""
    waits = and_(BulkOperation.actor_id == by.id, BulkOperation.state == BulkState.PREVIEW)
    latest_first = select(BulkOperation.id).where(waits).order_by(BulkOperation.id.desc())
    ids = db.session.scalars(latest_first.offset(MOST_PREVIEWS)).all()
    if ids:
        # A preview that is being confirmed is locked; afterwards it no longer matches `waits`.
        db.session.execute(
            delete(BulkOperation).where(BulkOperation.id.in_(ids), waits),
            execution_options={"synchronize_session": False},
        )


def _write_items(
    operation: BulkOperation, planned: PlannedAction, conditions: list[ColumnElement[bool]]
) -> int:
    chosen = (
        select(literal(operation.id, Integer), User.id, planned.why_not())
        .outerjoin(User.role)
        .where(*conditions)
        .order_by(User.id)
    )
    result = db.session.execute(
        insert(BulkItem.__table__).from_select(["operation_id", "user_id", "reason"], chosen),
        execution_options={"preserve_rowcount": True},
    )
    count = cast("CursorResult[Any]", result).rowcount
    if count and planned.takes_administrators:
        _spare_an_administrator(operation)
    return count


def _spare_an_administrator(operation: BulkOperation) -> None:
    """Leave out one administrator if no other one remains."""
    is_chosen = (
        select(BulkItem.user_id)
        .where(
            BulkItem.operation_id == operation.id,
            BulkItem.user_id == User.id,
            BulkItem.reason == "",
        )
        .exists()
    )
    administrators = (
        select(User.id).join(User.role).where(Role.administrators(), policy.can_sign_in())
    )
    if db.session.scalar(administrators.where(~is_chosen).limit(1)) is not None:
        return
    first = db.session.scalar(administrators.where(is_chosen).order_by(User.id).limit(1))
    db.session.execute(
        update(BulkItem)
        .where(BulkItem.operation_id == operation.id, BulkItem.user_id == first)
        .values(reason="last_administrator")
    )


def _count_left_out(operation: BulkOperation) -> dict[str, int]:
    counts = (
        select(BulkItem.reason, func.count()).where(_left_out(operation)).group_by(BulkItem.reason)
    )
    return dict(db.session.execute(counts).all())


def _left_out(operation: BulkOperation) -> ColumnElement[bool]:
    # The text matches the partial index literally, so the planner uses it.
    return and_(BulkItem.operation_id == operation.id, text("reason <> ''"))


def chosen_users(operation: BulkOperation) -> list[Any]:
    """Return some of the users to process."""
    items = select(BulkItem.user_id).where(
        BulkItem.operation_id == operation.id, BulkItem.reason == ""
    )
    return _people(items)


def left_out(operation: BulkOperation) -> list[PreviewSample]:
    """Return some of the users left out for each reason, the most frequent reason first."""
    return [
        PreviewSample(
            reason,
            count,
            _people(
                select(BulkItem.user_id).where(_left_out(operation), BulkItem.reason == reason)
            ),
        )
        for reason, count in sorted(operation.left_out.items(), key=lambda item: -item[1])
    ]


def _people(items: Any) -> list[Any]:
    ids = items.order_by(BulkItem.user_id).limit(SAMPLE)
    query = select(User.id, User.first_name, User.last_name, User.email)
    return list(db.session.execute(query.where(User.id.in_(ids)).order_by(User.id)))
