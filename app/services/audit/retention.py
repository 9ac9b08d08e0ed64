"""What the trail forgets: events after KEEP_AUDIT_EVENTS days, and people who are erased."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    delete,
    literal_column,
    select,
    union,
    update,
)

from app.database import now
from app.extensions import db, is_sqlite
from app.models import AuditEvent, User
from app.services.audit.recording import maintenance

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
    people = _people(user_ids)
    ids = _events_of(people)
    with maintenance():
        for start in range(0, len(ids), BATCH):
            _take_out(ids[start : start + BATCH], people)
        _forget_tries(people)


def anonymise_most(user_ids: Sequence[int], is_due: ColumnElement[bool]) -> None:
    """Take people out of their events but for the last few, which are left to `anonymise`.

    In transactions of its own: whoever suspended a hundred thousand others is in as many events,
    and on SQLite nobody else can write meanwhile. Ends when one of the people is no longer as
    `is_due` says, restored for example; what is done by then stays.
    """
    people = _people(user_ids)
    ids = _events_of(people)
    db.session.commit()
    ahead = range(0, len(ids) - BATCH, BATCH)
    for start in ahead:
        due = select(User.id).where(User.id.in_(people), is_due).order_by(User.id)
        if len(db.session.scalars(due.with_for_update()).all()) < len(people):
            db.session.rollback()
            return
        with maintenance():
            _take_out(ids[start : start + BATCH], people)
            if start == ahead[-1]:  # Former addresses are known only now.
                _forget_tries(people)
        db.session.commit()
        if is_sqlite():
            time.sleep(PAUSE_ON_SQLITE)


def _people(user_ids: Sequence[int]) -> dict[int, _Person]:
    users = db.session.scalars(select(User).where(User.id.in_(user_ids))).all()
    return {user.id: _Person(user) for user in users}


def _take_out(ids: Sequence[int], people: Mapping[int, _Person]) -> None:
    """Rewrite these events. The oldest come first: an address is known before others speak of it.

    That is also the order in which others who do the same at once lock them.
    """
    part = select(COLUMNS).where(COLUMNS.id.in_(ids)).order_by(COLUMNS.id).with_for_update()
    rows = db.session.execute(part).all()
    _write([_without(row._asdict(), people) for row in rows])


def _forget_tries(people: Mapping[int, _Person]) -> None:
    """Take the people out of what was tried with an address of theirs that was no account's."""
    present = {person.email: person.name for person in people.values()}
    former = {text: person.name for person in people.values() for text in person.texts}
    names = {text: name for text, name in former.items() if "@" in text} | present
    tries = select(COLUMNS.id, COLUMNS.actor_label, COLUMNS.subject_id).where(
        COLUMNS.actor_label.in_(names),
        COLUMNS.actor_label != literal_column("''"),
        COLUMNS.actor_id.is_(None),
    )
    _write(
        [
            {"id": row.id, "actor_label": names[row.actor_label]} | NOWHERE
            for row in db.session.execute(tries.order_by(COLUMNS.id).with_for_update()).all()
            # A former address may be someone else's by now.
            if row.actor_label in present or row.subject_id is None
        ]
    )


class _Person:
    """Someone who is taken out: what they are called from now on, and were called so far."""

    def __init__(self, user: User) -> None:
        self.id, self.email, self.name = user.id, user.email, f"deleted user #{user.id}"
        texts = (user.email, user.pending_email, user.full_name())
        self.texts = {text.lower() for text in texts if text}


def _events_of(people: Mapping[int, _Person]) -> list[int]:
    """Return the ids of the events that name one of these people still, the oldest first."""
    names = [person.name for person in people.values()]

    def named_by(label: ColumnElement[str], *conditions: ColumnElement[bool]) -> Select[Any]:
        return select(COLUMNS.id).where(*conditions, label.not_in(names))

    found = union(
        named_by(COLUMNS.actor_label, COLUMNS.actor_id.in_(people)),
        named_by(COLUMNS.acting_as_label, COLUMNS.acting_as_id.in_(people)),
        named_by(
            COLUMNS.subject_label, COLUMNS.subject_type == "user", COLUMNS.subject_id.in_(people)
        ),
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
