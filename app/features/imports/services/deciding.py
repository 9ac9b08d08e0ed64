"""Decide the outcome of each line, from the import's options, permissions and existing users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, any_, literal, select, text
from sqlalchemy import Row as Found

from app.extensions import db, is_sqlite
from app.features.imports.models import ImportMode, PeopleImport
from app.features.imports.services import inviting
from app.features.imports.services.rows import Row
from app.kit import names
from app.kit.imports.kinds import End, ImportOutcome, NotAllowed
from app.kit.operations import owners
from app.models import Permission, Role, User
from app.services import policy
from app.services.user_changes import CHANGE_ROLE, Parameters

NOT_HERE = "No account has this email address, and this import only updates accounts."
DELETED = "This account was deleted. Restore it, or use another email address."
NO_ROLE = "There is no role of this name."
NO_DEFAULT_ROLE = "The role for new people was deleted. Choose another."
ROLE_ABOVE = "You cannot give this role: it has permissions that you lack."
PERSON_ABOVE = "You cannot change this person: their role has permissions that you lack."
ONESELF = "You cannot change your own role."
LAST = "Nobody else could administer the app."
REFUSALS = {
    policy.NotOnSelf: ONESELF,
    policy.InsufficientPrivileges: ROLE_ABOVE,
    policy.LastAdministrator: LAST,
}
NO_CHANGE = "The role of this person cannot be changed now."
TAKEN = "Another account got this email address during the import."


@dataclass(slots=True)
class LineOutcome(ImportOutcome):
    """The decision on a line. `changes` maps columns of the user to old and new values."""

    row: Row
    user_id: int | None = None
    role: Role | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    demotes: bool = False


class Rules:
    """The rules for a batch: the existing roles, and the current permissions of the importer."""

    def __init__(self, plan: PeopleImport, demoted: list[int]) -> None:
        """Load the roles and the importer. Raises NotAllowed if the importer may not import.

        `demoted` collects the ids of administrators that the lines so far demote.
        """
        self.plan, self.demoted = plan, demoted
        if plan.mode == ImportMode.INVITE and not inviting.is_open():
            raise NotAllowed("Nobody can be invited at present.")
        self.read_actor_again()
        roles = list(db.session.scalars(select(Role).order_by(Role.id)))
        self.roles = {role.id: role for role in roles}
        self.by_name = {names.fold(role.name): role for role in reversed(roles)}
        self.default_role = self.roles.get(plan.role_id or 0)

    def read_actor_again(self) -> None:
        """Reload the importer. Raises NotAllowed if the importer may no longer import."""
        by: User | None = owners.reload(self.plan)
        if by is None:
            raise NotAllowed(
                "The account of the administrator who imports was suspended or deleted."
            )
        self.by = by
        self.by.scopes = self.plan.provenance.get("scopes")
        if not self.by.can(Permission.MANAGE_USERS):
            raise NotAllowed("The administrator who imports may no longer manage people.")

    def may_give(self, role: Role) -> bool:
        return policy.may_grant(self.by, role.permissions)

    def decide(self, row: Row, found: Found[Any] | None) -> LineOutcome:
        """Decide on a line. `found` is the row of the user with its email, or None."""
        role = None
        if row.role:
            role = self.by_name.get(names.fold(row.role))
            if role is None:
                row.complain("role", row.role, NO_ROLE)
        if found is not None and found.is_deleted:
            row.complain("email", row.email, DELETED)
        if row.problems:
            return LineOutcome(row, End.PROBLEM)
        invites = self.plan.mode == ImportMode.INVITE
        if found is None or (invites and found.stored_status == "unconfirmed"):
            return self._decide_on_new(row, role, found)
        return self._decide_on_known(row, role, found)

    def _decide_on_new(self, row: Row, role: Role | None, found: Found[Any] | None) -> LineOutcome:
        """Decide on a user without an account, or with an unconfirmed one."""
        invites = self.plan.mode == ImportMode.INVITE
        outcome = LineOutcome(row, End.INVITED if invites else End.CREATED)
        outcome.role = role or self.default_role
        outcome.user_id = found.id if found else None
        before = self.roles.get(found.role_id or 0) if found else None
        if before is not None and not self.may_give(before):
            outcome.refuse("email", row.email, PERSON_ABOVE)
        elif self.plan.mode == ImportMode.UPDATE:
            outcome.refuse("email", row.email, NOT_HERE)
        elif outcome.role is None:
            outcome.refuse("role", "", NO_DEFAULT_ROLE)
        elif not self.may_give(outcome.role):
            outcome.refuse("role", outcome.role.name, ROLE_ABOVE)
        return outcome

    def _decide_on_known(self, row: Row, role: Role | None, found: Found[Any]) -> LineOutcome:
        outcome = LineOutcome(row, End.UNCHANGED, user_id=found.id)
        if not self.plan.update_existing:
            return outcome
        for name in ("first_name", "last_name"):
            new = getattr(row, name)
            if new and new != getattr(found, name):
                outcome.changes[name] = (getattr(found, name), new)
        given = Parameters(by=self.by, role=role)
        reason = CHANGE_ROLE.why_not(found, given) if role is not None else "same_role"
        if reason != "same_role":
            outcome.role = role
            outcome.changes["role_id"] = (found.role_id, given.role_id)
        if not outcome.changes:
            return outcome
        outcome.end = End.UPDATED
        before = self.roles.get(found.role_id or 0)
        if before is not None and not self.may_give(before):
            outcome.refuse("email", row.email, PERSON_ABOVE)
        elif outcome.role is not None and reason:
            outcome.refuse("role", row.role, NO_CHANGE)
        elif outcome.role is not None:
            self._decide_on_role(outcome, found.id, before, given)
        return outcome

    def _decide_on_role(
        self, outcome: LineOutcome, user_id: int, before: Role | None, given: Parameters
    ) -> None:
        refusal = CHANGE_ROLE.refusal(
            user_id, before, given, actor_ids=self.plan.actor_ids, demoted=self.demoted
        )
        if refusal is not None:
            outcome.refuse("role", given.role.name if given.role else "", REFUSALS[refusal])
        elif before and before.is_administrator and CHANGE_ROLE.takes_administrators(given.role):
            self.demoted.append(user_id)


def find(rows: Iterable[Row], *, lock_for: PeopleImport | None = None) -> dict[str, Found[Any]]:
    """Return the users with the emails of `rows`, by email.

    With `lock_for`, lock the users that may change, and the importer, who must not lose a
    permission meanwhile.
    """
    addresses = [row.email for row in rows if row.email]
    changes = lock_for is not None and (
        lock_for.update_existing or lock_for.mode == ImportMode.INVITE
    )
    if not is_sqlite():
        # An import makes tables grow, but the connection caches query plans, also for foreign
        # keys. A plan for a small table would scan the whole large table each time.
        db.session.execute(text("DISCARD PLANS"))
        if lock_for is not None:
            # Lock in the order of ids, as all code does.
            own = User.id.in_(lock_for.actor_ids)
            locked = select(User.id).where(own | _is_one_of(addresses) if changes else own)
            locked = locked.order_by(User.id).with_for_update(key_share=True)
            db.session.execute(locked).all()
    names = (User.email, User.first_name, User.last_name)
    # Every column that a condition of a UserChange may read.
    state = (User.is_deleted, User.is_suspended, User.is_invited, User.confirmed)
    query = select(User.id, *names, User.role_id, *state, User.stored_status).where(
        _is_one_of(addresses)
    )
    if changes:
        # Use the same lock strength as above. Upgrading a lock means waiting while holding it.
        query = query.order_by(User.id).with_for_update(key_share=True)
    people: Iterable[Any] = db.session.execute(query)
    return {found.email: found for found in people}


def _is_one_of(addresses: list[str]) -> ColumnElement[bool]:
    if is_sqlite():
        return User.email.in_(addresses)
    # Pass one array: parsing a statement with a thousand parameters takes longer than running it.
    return User.email == any_(literal(addresses, ARRAY(String)))
