"""The import of users: what a column may hold, and how a batch is checked and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy.exc import IntegrityError

from app.features.imports.models import ImportMode, PeopleImport
from app.features.imports.services import deciding, inviting, writing
from app.features.imports.services.deciding import LineOutcome, Rules
from app.features.imports.services.rows import Row
from app.kit import imports, names
from app.models import Role
from app.services import policy
from app.services.policy import RoleGone

FIELDS = {
    "email": "Email",
    "first_name": "First name",
    "last_name": "Last name",
    "role": "Role",
}

# Column names in the exports of common programs, in English, German and French.
NAMES = {
    "email": {
        "email", "e mail", "mail", "email address", "e mail address", "mail address",
        "primary email", "user email", "e mail 1 value", "e mail adresse", "emailadresse",
        "adresse e mail", "adresse mail", "courriel",
    },
    "first_name": {
        "first name", "firstname", "given name", "givenname", "forename", "first", "vorname",
        "prenom",
    },
    "last_name": {
        "last name", "lastname", "surname", "family name", "familyname", "last", "sn", "nachname",
        "familienname", "nom", "nom de famille",
    },
    "role": {"role", "user role", "account type", "rolle"},
}  # fmt: skip


class PeopleKind(imports.ImportKind):
    """The import of users, who are invited, created or updated."""

    name = "people"
    model = PeopleImport
    key = "email"
    events: ClassVar = {
        "started": "import.started",
        "finished": "import.finished",
        "cancelled": "import.cancelled",
        "deleted": "import.deleted",
        "downloaded": "import.downloaded",
    }
    options = ("role_id",)
    # A role may be deleted, or an email taken, between the reading and the writing.
    retried = (IntegrityError, RoleGone)
    file_name = "people.csv"
    nouns = ("person", "people")
    hint = (
        "A CSV file with one line for each person and a column for their email address. Columns "
        "for first name, last name and role are optional."
    )
    no_key = "Choose the column with the email addresses, and use each column once."
    repeated = "Line {:,} has the same address."
    kept = "People who were imported"
    will: ClassVar = {
        "invited": "will be invited by mail",
        "created": "will get an account, without mail",
        "updated": "will be updated",
        "unchanged": "will be left as they are",
    }
    ends: ClassVar = {
        "created": "Account created",
        "invited": "Invited",
        "updated": "Updated",
        "unchanged": "Left as they are",
        "problem": "Not imported",
    }

    @property
    def lead(self) -> str:  # type: ignore[override]
        words = "Invite, create" if inviting.invitation() else "Create"
        return f"{words} or update many people at once, from a table."

    def fields(self) -> Mapping[str, str]:
        return FIELDS

    def names(self) -> Mapping[str, set[str]]:
        return NAMES

    def is_key(self, cell: str) -> bool:
        return "@" in cell

    def lacks_key(self) -> str:
        return "None of the columns holds email addresses. There must be one, best called “Email”."

    def sample(self) -> Sequence[Sequence[str]]:
        return [
            ["Email", "First name", "Last name", "Role"],
            ["ada@example.com", "Ada", "Lovelace", "User"],
            ["grace@example.com", "Grace", "Hopper", ""],
        ]

    def defaults(self, *, by: Any) -> dict[str, Any]:
        role = Role.get_default()
        may_grant = role is not None and policy.may_grant(by, role.permissions)
        return {
            "mode": ImportMode.INVITE if inviting.is_open() else ImportMode.CREATE,
            "role_id": role.id if role and may_grant else None,
        }

    def reader(self, mapping: Mapping[str, int]) -> Callable[[int], Row]:
        return Row

    def check(
        self, plan: PeopleImport, rows: Sequence[Row], memory: list[int]
    ) -> list[LineOutcome]:
        """Decide on a batch. `memory` has the administrators that the lines so far demote."""
        rules, people = Rules(plan, memory), deciding.find(rows)
        return [rules.decide(row, people.get(row.email)) for row in rows]

    def write(
        self, plan: PeopleImport, rows: Sequence[Row], position: int
    ) -> tuple[list[LineOutcome], bool]:
        if plan.update_existing:
            policy.lock_administrators()
        rules = Rules(plan, [])
        for role in roles_of(rules, rows):
            policy.lock_role(role)
        people = deciding.find(rows, lock_for=plan)
        rules.read_actor_again()
        outcomes = [rules.decide(row, people.get(row.email)) for row in rows]
        for number, outcome in enumerate(outcomes, position):
            self.hold(plan, number, outcome)
        return outcomes, writing.write(rules, outcomes)


def roles_of(rules: Rules, rows: Sequence[Row]) -> list[Role]:
    """Return the roles that a batch may assign, in the order in which they are locked."""
    named = {rules.by_name.get(name) for name in {names.fold(row.role) for row in rows}}
    roles = {role.id: role for role in (*named, rules.default_role) if role is not None}
    return [roles[role_id] for role_id in sorted(roles)]


PEOPLE = PeopleKind()
imports.register(PEOPLE)
