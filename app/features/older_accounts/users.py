"""Judge the rows of users, and take them over in batches."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from email_validator import EmailNotValidError
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db, is_sqlite
from app.features.older_accounts.report import TakeOverReport
from app.kit import audit, names
from app.kit.audit.many import record_each
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.many_emails import normalised_email_of_many
from app.kit.name_rule import holds_link, is_name
from app.kit.names import NAME_LENGTH
from app.kit.user_input import visible
from app.models import Role, User
from app.services import unconfirmed

BATCH = 500
# Methods of Werkzeug that it still verifies. Each method in the table lengthens every sign-in.
HASH = re.compile(
    r"(?:pbkdf2:(?:sha1|sha256|sha512):(?P<rounds>\d{1,7})|scrypt:32768:8:1)"
    r"\$[^$]{1,64}\$[0-9a-f]{40,128}"
)
MOST_ROUNDS = 1_200_000
NO = {"", "0", "f", "false", "n", "no", "none"}


@dataclass(slots=True)
class OlderUser:
    """The values of an old row that can be stored here."""

    id: int
    email: str
    first_name: str
    last_name: str
    confirmed: bool
    password_hash: str | None
    role: Role | None
    is_invited: bool


class UserRules:
    """The rules for all rows. Each problem is told."""

    def __init__(self, roles: Mapping[int, Role], report: TakeOverReport) -> None:
        self.roles, self.report = roles, report
        self.default = Role.get_default()
        self.owners: dict[str, int] = {}

    def judged(self, row: Mapping[str, Any]) -> OlderUser | None:
        """Return the values of a row, or None if the user cannot be taken over."""
        user_id = int(row["id"])
        email = self._email(user_id, row["email"])
        if not email:
            return None
        role = self._role(user_id, row["role_id"])
        user = OlderUser(
            id=user_id,
            email=email,
            first_name=self._name(user_id, "first name", row["first_name"]),
            last_name=self._name(user_id, "last name", row["last_name"]),
            confirmed=is_true(row["confirmed"]),
            password_hash=self._hash(user_id, row["password_hash"]),
            role=role,
            is_invited=not row["password_hash"] and not is_true(row["confirmed"]),
        )
        if user.password_hash and not user.confirmed and role is not self.default:
            # flask-base let anyone register with an email that got more than the default role.
            user.password_hash = None
            self._tell(user_id, "is unconfirmed and has a role of its own: without the password")
        return user

    def _tell(self, user_id: int, text: str) -> None:
        self.report.tell(f"User {user_id} {text}.")

    def _leave_out(self, user_id: int, text: str) -> str:
        self.report.counts["users left out"] += 1
        self._tell(user_id, f"is left out: {text}")
        return ""

    def _email(self, user_id: int, value: Any) -> str:
        given = str(value or "")
        try:
            email = normalised_email_of_many(given)
        except EmailNotValidError:
            return self._leave_out(user_id, f"{given[:300]!r} is no email address")
        if (owner := self.owners.setdefault(email, user_id)) != user_id:
            return self._leave_out(user_id, f"{given} is the email of user {owner}")
        return email

    def _name(self, user_id: int, which: str, value: Any) -> str:
        given = str(value or "")
        name = names.normalise(" ".join(visible(given, allowed="").split()))
        if name and (not is_name(name) or holds_link(name)):
            self._tell(user_id, f"loses the {which} {given!r}, which no user may have")
            return ""
        if len(name) > NAME_LENGTH:
            self._tell(user_id, f"has a {which} that is cut to {NAME_LENGTH} characters: {given!r}")
        return name[:NAME_LENGTH].rstrip()

    def _hash(self, user_id: int, value: Any) -> str | None:
        if not value:
            return None
        found = HASH.fullmatch(str(value))
        if found and int(found["rounds"] or 1) <= MOST_ROUNDS:
            return found.group()
        self._tell(user_id, "has a password hash of an unknown kind: they reset the password")
        return None

    def _role(self, user_id: int, old: Any) -> Role | None:
        if old not in self.roles:
            self._tell(user_id, "has no role that is taken over: the default role")
        return self.roles.get(old, self.default)


def is_true(value: Any) -> bool:
    return str(value).lower() not in NO


def take_over(
    old: Iterable[Mapping[str, Any]], roles: Mapping[int, Role], report: TakeOverReport
) -> None:
    """Take over the users of `old`, and commit each batch. Users who are here stay as they are.

    Confirmed users come first, so that of two emails that differ by case the proven one counts.
    """
    rows = list(old)
    rules = UserRules(roles, report)
    ordered = sorted(rows, key=lambda row: not is_true(row["confirmed"]))
    judged = filter(None, map(rules.judged, ordered))
    while batch := list(islice(judged, BATCH)):
        # All processes insert in one order, so that one waits and none deadlocks.
        _write(sorted(batch, key=lambda user: user.email), report)


def _write(batch: list[OlderUser], report: TakeOverReport) -> None:
    known = dict(_here(batch))
    new = [user for user in batch if user.email not in known]
    if report.is_trial:
        report.counts["users taken over"] += len(new)
        report.counts["users already here"] += len(known)
        return
    new += [user for user in batch if user.email in known and _gives_way(user)]
    taken = _insert(new)
    columns = audit.values("older_account.taken_over", by=None)
    if taken:
        record_each(columns, select(User.id, User.email).where(among(User.id, taken)), kind="user")
    ids = dict(_here(batch))
    report.ids += [("users", user.id, ids[user.email]) for user in batch if user.email in ids]
    report.counts["users taken over"] += len(taken)
    report.counts["users already here"] += len(batch) - len(taken)
    db.session.commit()


def _here(batch: Iterable[OlderUser]) -> Iterator[tuple[str, int]]:
    emails = [user.email for user in batch]
    for row in db.session.execute(select(User.email, User.id).where(User.email.in_(emails))):
        yield row.email, row.id


def _gives_way(user: OlderUser) -> bool:
    """Delete an unconfirmed registration of a confirmed user's email, and tell whether it was."""
    if not user.confirmed or not unconfirmed.is_registration(User.by_email(user.email)):
        return False
    unconfirmed.delete_registration(user.email, owner=None)
    return User.by_email(user.email) is None


def _insert(users: list[OlderUser]) -> list[int]:
    """Insert users, and return the ids of those whose email nobody else took meanwhile."""
    at = now()
    rows = [
        {
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "confirmed": user.confirmed,
            "password_hash": user.password_hash,
            "self_registered": not user.confirmed and user.password_hash is not None,
            "role_id": user.role.id if user.role else None,
            "created_at": at,
            "invited_at": at if user.is_invited else None,
            "suspended_reason": "",
            "must_change_password": False,
        }
        for user in users
    ]
    if not rows:
        return []
    table: Any = User.__table__
    insert: Any = sqlite.insert(table) if is_sqlite() else postgresql.insert(table)
    statement = insert.values(rows).on_conflict_do_nothing(index_elements=["email"])
    return list(db.session.scalars(statement.returning(table.c.id)))
