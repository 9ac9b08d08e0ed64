"""Save previews of bulk actions: the users to process and the users left out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select, update

from app.extensions import db
from app.features.bulk.models import BulkItem, BulkOperation
from app.features.bulk.services.actions import ACTIONS
from app.features.bulk.services.locks import planned_action
from app.features.user_search import Filters
from app.kit import audit
from app.kit.operations import previews
from app.kit.tables.asked import Asked
from app.models import Role, User
from app.services import policy


class NotOffered(Exception):
    """The settings do not allow the action at present."""


def preview(
    action: str,
    *,
    by: User,
    user_ids: Sequence[int] = (),
    asked: Asked | None = None,
    role: Role | None = None,
) -> BulkOperation:
    """Save a preview of `action`: the users to process and the users left out.

    The users are those of `user_ids`, or with `asked` all of this list of users. Raises
    NothingChosen, NotOffered and InsufficientPrivileges.
    """
    policy.ensure_may_manage(by, role)
    if not ACTIONS[action].change.is_open():
        raise NotOffered
    operation = BulkOperation(
        action=action,
        parameters={"role_id": role.id, "role_name": role.name} if role else {},
        selection={"filter": asked.narrowing()} if asked else {"picked": len(user_ids)},
        actor_id=by.id,
        actor_label=by.email,
        provenance=audit.provenance(by),
    )
    conditions = Filters.of(asked).conditions() if asked else [User.id.in_(user_ids)]
    planned = planned_action(operation, by=by, role=role)
    chosen = select(User.id, planned.why_not()).outerjoin(User.role).where(*conditions)
    previews.begin(operation, chosen.order_by(User.id))
    if planned.takes_administrators:
        _spare_an_administrator(operation)
    previews.finish(operation, asked=0 if asked else len(set(user_ids)))
    return operation


def _spare_an_administrator(operation: BulkOperation) -> None:
    """Leave out one administrator if no other one remains."""
    of_it = BulkItem.operation_id == operation.id
    is_chosen = exists().where(of_it, BulkItem.row_id == User.id, BulkItem.reason == "")
    administrators = (
        select(User.id).join(User.role).where(Role.administrators(), policy.can_sign_in())
    )
    if db.session.scalar(administrators.where(~is_chosen).limit(1)) is not None:
        return
    first = db.session.scalar(administrators.where(is_chosen).order_by(User.id).limit(1))
    db.session.execute(
        update(BulkItem).where(of_it, BulkItem.row_id == first).values(reason="last_administrator")
    )
