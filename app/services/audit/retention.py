"""What the trail forgets: events after KEEP_AUDIT_EVENTS days, and people who are erased."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, literal_column, select, union, update

from app.database import now
from app.extensions import db
from app.models import AuditEvent, User
from app.services.audit.recording import maintenance
from app.services.directory.planning import is_sqlite

BATCH = 250
BUDGET = 10 * 60  # seconds that one clean-up may take
# Whoever waits to write to SQLite looks only now and then whether they can.
PAUSE_ON_SQLITE = 0.03  # seconds
COLUMNS = AuditEvent.__table__.c
NOWHERE = {"address": "", "device": ""}
# What an event calls people by, where it has a name for it.
PERSONAL = {"email", "pending_email", "first_name", "last_name", "name"}


def purge() -> int:
    """Delete the events that are older than KEEP_AUDIT_EVENTS days and return how many there were.

    The oldest have the smallest ids, so only the beginning of the trail is looked at. Works a few
    at a time, because nobody else can write to SQLite meanwhile, for BUDGET seconds at most: what
    is left goes the next night. May run beside itself.
    """
    before = now() - timedelta(days=current_app.config["KEEP_AUDIT_EVENTS"])
    beginning = select(AuditEvent.id, AuditEvent.at).order_by(AuditEvent.id).limit(BATCH)
    deleted, until = 0, time.monotonic() + BUDGET
    while time.monotonic() < until:
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
            break
        if is_sqlite():
            time.sleep(PAUSE_ON_SQLITE)
    return deleted


def anonymise(user_ids: Sequence[int]) -> None:
    """Take people out of the trail who are about to be erased; the caller commits.

    Their events stay, and name them by their number. Where they themselves were, and with what,
    is emptied. Their rows in `users` are read, so this comes before they are deleted.
    """
    users = db.session.scalars(select(User).where(User.id.in_(user_ids))).all()
    people = {user.id: _Person(user) for user in users}
    with maintenance():
        ids = _events_of(list(people))
        # The oldest first, so that an address is known before a later event speaks of it, and so
        # that others who do the same at once lock rows in the same order.
        for start in range(0, len(ids), BATCH):
            of_part = COLUMNS.id.in_(ids[start : start + BATCH])
            part = select(COLUMNS).where(of_part).order_by(COLUMNS.id).with_for_update()
            rows = db.session.execute(part).all()
            _write([_without(row._asdict(), people) for row in rows])
        by_address = {person.email: person.name for person in people.values()}
        # What was tried before there was an account, or what no account came of.
        unknown = select(COLUMNS.id, COLUMNS.actor_label).where(
            COLUMNS.actor_label.in_(by_address),
            COLUMNS.actor_label != literal_column("''"),
            COLUMNS.actor_id.is_(None),
        )
        unknown = unknown.order_by(COLUMNS.id).with_for_update()
        _write(
            [
                {"id": row.id, "actor_label": by_address[row.actor_label]} | NOWHERE
                for row in db.session.execute(unknown).all()
            ]
        )


class _Person:
    """Someone who is taken out: what they are called from now on, and were called so far."""

    def __init__(self, user: User) -> None:
        self.id, self.email, self.name = user.id, user.email, f"deleted user #{user.id}"
        texts = (user.email, user.pending_email, user.full_name())
        self.texts = {text.lower() for text in texts if text}


def _events_of(user_ids: list[int]) -> list[int]:
    """Return the ids of the events that name one of these people, the oldest first."""
    found = union(
        select(COLUMNS.id).where(COLUMNS.actor_id.in_(user_ids)),
        select(COLUMNS.id).where(COLUMNS.acting_as_id.in_(user_ids)),
        select(COLUMNS.id).where(COLUMNS.subject_type == "user", COLUMNS.subject_id.in_(user_ids)),
    )
    return sorted(db.session.scalars(found))


def _write(rows: list[dict[str, Any]]) -> None:
    rows = sorted((row for row in rows if len(row) > 1), key=sorted)
    if rows:
        db.session.execute(update(AuditEvent), rows)


def _without(row: Mapping[str, Any], people: Mapping[int, _Person]) -> dict[str, Any]:
    """Return what is to be changed of an event so that it calls nobody of `people` by name."""
    kept = ("actor_label", "acting_as_label", "subject_label", "address", "device")
    values = {key: row[key] for key in ("id", *kept, "changes", "details")}
    about = row["subject_id"] if row["subject_type"] == "user" else None
    for user_id in {row["actor_id"], row["acting_as_id"], about} & people.keys():
        person = people[user_id]
        person.texts |= {text.lower() for text in _addresses(row, user_id) if text}
        is_about = user_id == about
        if row["actor_id"] == user_id or (is_about and row["actor_id"] is None and row["address"]):
            values |= {"actor_label": person.name} | NOWHERE
        if row["acting_as_id"] == user_id:
            values["acting_as_label"] = person.name
        if is_about:
            values["subject_label"] = person.name
        for key in ("changes", "details"):
            values[key] = _cleaned(values[key], person.name, person.texts, everything=is_about)
    return {key: value for key, value in values.items() if key == "id" or value != row[key]}


def _addresses(row: Mapping[str, Any], user_id: int) -> Iterator[str]:
    """Yield what an event says that the person is called."""
    if row["actor_id"] == user_id:
        yield row["actor_label"]
    if row["acting_as_id"] == user_id:
        yield row["acting_as_label"]
    if (row["subject_type"], row["subject_id"]) == ("user", user_id):
        yield row["subject_label"]
        for key in ("email", "pending_email"):
            yield from filter(None, row["changes"].get(key, ()))


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
