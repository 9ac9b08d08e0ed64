"""What the trail forgets: events after KEEP_AUDIT_EVENTS days, and people who are erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, literal_column, or_, select, update

from app.database import now
from app.extensions import db
from app.models import AuditEvent, User
from app.services.audit.recording import maintenance
from app.services.audit.searching import of_person

BATCH = 2_000
# What an event calls people by, where it has a name for it.
PERSONAL = {"email", "pending_email", "first_name", "last_name", "name"}


def purge() -> int:
    """Delete the events that are older than KEEP_AUDIT_EVENTS days and return how many there were.

    The oldest have the smallest ids, so only the beginning of the trail is looked at. Works a few
    at a time, because nobody else can write to SQLite meanwhile, and may run beside itself.
    """
    before = now() - timedelta(days=current_app.config["KEEP_AUDIT_EVENTS"])
    beginning = select(AuditEvent.id, AuditEvent.at).order_by(AuditEvent.id).limit(BATCH)
    deleted = 0
    while True:
        # Who purges at the same time has locked the same rows: these are left to them.
        rows = db.session.execute(beginning.with_for_update(skip_locked=True)).all()
        old = [row.id for row in rows if row.at < before]
        if old:
            with maintenance():
                result = db.session.execute(
                    delete(AuditEvent).where(AuditEvent.id.in_(old)),
                    execution_options={"synchronize_session": False},
                )
                deleted += cast("CursorResult[Any]", result).rowcount
        db.session.commit()
        if len(old) < BATCH:
            return deleted


def anonymise(user_ids: Sequence[int]) -> None:
    """Take people out of the trail who are about to be erased; the caller commits.

    Their events stay, and name them by their number. Where they themselves were, and with what,
    is emptied. Their rows in `users` are read, so this comes before they are deleted.
    """
    with maintenance():
        for user in db.session.scalars(select(User).where(User.id.in_(user_ids))).all():
            _anonymise(user)


def _anonymise(user: User) -> None:
    name = f"deleted user #{user.id}"
    texts = {text.lower() for text in (user.email, user.pending_email, user.full_name()) if text}
    for rows in _events_of(user):
        texts |= {text.lower() for row in rows for text in _addresses(row, user.id)}
        db.session.execute(
            update(AuditEvent),
            [_without(row._mapping, user.id, name, texts) for row in rows],
        )
    # What was tried before there was an account, or after the address was another one.
    unknown = (
        AuditEvent.actor_id.is_(None),
        AuditEvent.subject_id.is_(None),
        AuditEvent.actor_label == user.email,
        AuditEvent.actor_label != literal_column("''"),
    )
    db.session.execute(
        update(AuditEvent).where(*unknown).values(actor_label=name, address="", device=""),
        execution_options={"synchronize_session": False},
    )


def _events_of(user: User) -> Iterator[Sequence[Any]]:
    """Yield the events that name a person, newest first, some at a time."""
    columns = AuditEvent.__table__.c
    before = None
    while True:
        found = [
            select(columns.id)
            .where(condition(columns), *((columns.id < before,) if before else ()))
            .order_by(columns.id.desc())
            .limit(BATCH)
            .subquery()
            for condition in of_person(user.id)
        ]
        in_any = or_(*(columns.id.in_(select(ids.c.id)) for ids in found))
        query = select(columns).where(in_any).order_by(columns.id.desc()).limit(BATCH)
        rows = db.session.execute(query).all()
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        before = rows[-1].id


def _addresses(row: Any, user_id: int) -> Iterator[str]:
    """Yield what an event says that the person is called."""
    if row.actor_id == user_id:
        yield row.actor_label
    if row.acting_as_id == user_id:
        yield row.acting_as_label
    if (row.subject_type, row.subject_id) == ("user", user_id):
        yield row.subject_label
        for key in ("email", "pending_email"):
            yield from filter(None, row.changes.get(key, ()))


def _without(row: Mapping[str, Any], user_id: int, name: str, texts: set[str]) -> dict[str, Any]:
    """Return the columns of an event in which a person is called by `name`."""
    values = {key: row[key] for key in ("id", "actor_label", "acting_as_label", "subject_label")}
    values |= {"address": row["address"], "device": row["device"]}
    is_about = row["subject_type"] == "user" and row["subject_id"] == user_id
    if row["actor_id"] == user_id or (row["actor_id"] is None and is_about and row["address"]):
        values |= {"actor_label": name, "address": "", "device": ""}
    if row["acting_as_id"] == user_id:
        values["acting_as_label"] = name
    if is_about:
        values["subject_label"] = name
    for key in ("changes", "details"):
        values[key] = _cleaned(row[key], name, texts, everything=is_about)
    return values


def _cleaned(value: Any, name: str, texts: set[str], *, everything: bool) -> Any:
    """Return what an event tells without a person's names; all names, if it is about them."""
    if isinstance(value, dict):
        return {
            key: _named(part, name)
            if everything and key in PERSONAL
            else _cleaned(part, name, texts, everything=everything)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(part, name, texts, everything=everything) for part in value]
    if isinstance(value, str):
        for text in texts:
            if (start := value.lower().find(text)) >= 0:
                value = value[:start] + name + value[start + len(text) :]
    return value


def _named(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [part and name for part in value]
    return value and name
