"""Find or add the role of this application for each role of flask-base."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.older_accounts.report import TakeOverReport
from app.kit import audit, names
from app.kit.user_input import visible
from app.models import Permission, Role

LONGEST = 64
GENERAL, EVERY = int(Permission.GENERAL), int(Permission.ADMINISTER)


def take_over(rows: Iterable[Mapping[str, Any]], report: TakeOverReport) -> dict[int, Role]:
    """Return the role for each id of an old role, and commit those that are added.

    Two commands may run at once. The unique index decides, and the loser reads again.
    """
    old = list(rows)
    try:
        return _found(old, report)
    except IntegrityError:
        db.session.rollback()
        return _found(old, report)


def _found(old: Iterable[Mapping[str, Any]], report: TakeOverReport) -> dict[int, Role]:
    here = {names.fold(role.name): role for role in db.session.scalars(select(Role))}
    found: dict[int, Role] = {}
    added = []
    for row in old:
        name = " ".join(visible(str(row["name"] or "")).split())[:LONGEST]
        if not name:
            report.tell(f"Role {row['id']} has no name. Its users get the default role.")
            continue
        bits = _bits(name, _number(name, row["permissions"], report), report)
        role = here.get(names.fold(name))
        if role is None:
            index = "admin" if bits == EVERY else "account"
            role = here[names.fold(name)] = Role(name=name, permissions=bits, index=index)
            added.append(role)
        elif not _fits(role, bits, report):
            continue
        found[row["id"]] = role
    report.counts["roles added"] = len(added)
    if not report.is_trial:
        db.session.add_all(added)
        db.session.flush()
        for role in added:
            audit.record("older_account.role_added", by=None, subject=role)
        db.session.commit()
    return found


def _number(name: str, value: Any, report: TakeOverReport) -> int:
    """Return the bits of an old role. SQLite keeps texts in columns of numbers."""
    try:
        return int(value or 0)
    except ValueError:
        report.tell(
            f"The role {name} has the permissions {str(value)[:64]!r}, which are read as 0."
        )
        return 0


def _bits(name: str, old: int, report: TakeOverReport) -> int:
    """Return the bits that mean the same here: flask-base had two permissions.

    Bits of a product mean something else here, so they are told and not taken over.
    """
    if old & EVERY == EVERY:
        return EVERY
    if rest := old & ~GENERAL:
        report.tell(
            f"The role {name} has the bits {rest:#x}, which are not taken over: they mean "
            "something else here. Give it permissions on the page of roles."
        )
    return old & GENERAL


def _fits(role: Role, bits: int, report: TakeOverReport) -> bool:
    """Tell whether users of the old role get the role of the same name."""
    if role.is_administrator and bits != EVERY:
        report.tell(
            f"The role {role.name} administers this application, and its namesake did not. Its "
            "users get the default role."
        )
        return False
    if role.permissions != bits:
        told = ", ".join(Permission.names(role.permissions)) or "none"
        report.tell(f"The role {role.name} exists and keeps its permissions: {told}.")
    return True
