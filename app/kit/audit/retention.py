"""Delete audit events after KEEP_AUDIT_EVENTS days, and anonymise the events of erased users."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Text,
    collate,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    union,
    update,
)
from sqlalchemy import cast as cast_to

from app.extensions import db, is_sqlite
from app.kit.audit.actions import SEARCHING
from app.kit.audit.event import AuditEvent
from app.kit.audit.followers import tell_rewritten
from app.kit.audit.forgetting import NOWHERE, ErasedUser, without, without_search
from app.kit.audit.maintenance import maintenance
from app.kit.database import now
from app.kit.database.pauses import let_others_write

BATCH = 250
BUDGET = 10 * 60  # seconds for one clean-up
COLUMNS = AuditEvent.__table__.c


def purge() -> int:
    """Delete events older than KEEP_AUDIT_EVENTS days, and return the number of deleted events.

    The oldest events have the smallest ids, so only the beginning of the trail is read. Events are
    deleted in batches, because a SQLite transaction locks out every other writer. The run ends
    after BUDGET seconds, and the next night deletes the rest. Two runs may overlap.
    """
    before = now() - timedelta(days=current_app.config["KEEP_AUDIT_EVENTS"])
    beginning = select(AuditEvent.id, AuditEvent.at).order_by(AuditEvent.id).limit(BATCH)
    deleted, until = 0, time.monotonic() + BUDGET
    while time.monotonic() < until:
        # An overlapping run has locked some of these rows, and deletes them itself.
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
        let_others_write()
    return deleted


Taken = Callable[[Iterable[str]], Container[str]]
"""A function that returns the given emails that now belong to other users."""


def anonymise(people: Mapping[int, ErasedUser], taken: Taken) -> None:
    """Replace users who are about to be erased in the audit trail. The caller commits.

    Their events stay, and name them by their number. Their IP addresses and devices are emptied.
    """
    ids = _events_of(people)
    with maintenance():
        for start in range(0, len(ids), BATCH):
            _anonymise_events(ids[start : start + BATCH], people)
        _anonymise_mentions(people, taken)


def anonymise_most(
    people: Mapping[int, ErasedUser], taken: Taken, are_due: Callable[[], bool]
) -> None:
    """Replace users in all their events but the last batch, which is left to `anonymise`.

    Each batch has its own transaction. A user may appear in a hundred thousand events, and a SQLite
    transaction locks out every other writer. `are_due` locks the users and returns whether they are
    still to be erased. If not, this function ends, and earlier batches stay changed.
    """
    ids = _events_of(people)
    db.session.commit()
    ahead = range(0, len(ids) - BATCH, BATCH)
    for start in ahead:
        if not are_due():
            db.session.rollback()
            return
        with maintenance():
            _anonymise_events(ids[start : start + BATCH], people)
            if start == ahead[-1]:  # Former emails are known only now.
                _anonymise_mentions(people, taken)
        db.session.commit()
        let_others_write()


def _anonymise_events(ids: Sequence[int], people: Mapping[int, ErasedUser]) -> None:
    """Rewrite these events, oldest first, so that an email is known before later events name it.

    A concurrent run locks the events in the same order, so the two cannot deadlock.
    """
    part = select(COLUMNS).where(COLUMNS.id.in_(ids)).order_by(COLUMNS.id).with_for_update()
    rows = db.session.execute(part).all()
    _write([without(row._asdict(), people) for row in rows])


def _anonymise_mentions(people: Mapping[int, ErasedUser], taken: Taken) -> None:
    """Replace the users in events that mention them as neither the actor nor the subject."""
    names = {text: person.name for person in people.values() for text in person.addresses}
    others = taken(names)
    own = {text: name for text, name in names.items() if text not in others}
    _anonymise_attempts(names, {person.email for person in people.values()})
    _anonymise_mails(own)
    _anonymise_searches(people)


def _anonymise_attempts(names: Mapping[str, str], present: Container[str]) -> None:
    """Replace the emails in failed attempts that no account owned at the time."""
    attempts = select(COLUMNS.id, COLUMNS.actor_label, COLUMNS.subject_id).where(
        COLUMNS.actor_label.in_(names),
        COLUMNS.actor_label != literal_column("''"),
        COLUMNS.actor_id.is_(None),
    )
    _write(
        [
            {"id": row.id, "actor_label": names[row.actor_label]} | NOWHERE
            for row in db.session.execute(attempts.order_by(COLUMNS.id).with_for_update()).all()
            # An attempt with a former email may have concerned another user's account.
            if row.actor_label in present or row.subject_id is None
        ]
    )


def _anonymise_mails(own: Mapping[str, str]) -> None:
    """Replace the emails that label the mails in events."""
    mails = select(COLUMNS.id, COLUMNS.subject_label).where(
        COLUMNS.subject_label.in_(own),
        COLUMNS.subject_label != literal_column("''"),
        COLUMNS.subject_type != "user",
    )
    rows = db.session.execute(mails.order_by(COLUMNS.id).with_for_update()).all()
    _write([{"id": row.id, "subject_label": own[row.subject_label]} for row in rows])


def _anonymise_searches(people: Mapping[int, ErasedUser]) -> None:
    """Replace the users in the recorded searches of exports and downloads."""
    details = _in_lower_case(cast_to(COLUMNS.details, Text))
    texts = {text for one in people.values() for text in one.texts}
    # JSON writes a letter beyond ASCII as a number, which differs for upper and lower case.
    written = {json.dumps(form)[1:-1].lower() for text in texts for form in (text, text.upper())}
    searches = select(COLUMNS.id, COLUMNS.details).where(
        COLUMNS.action.in_(SEARCHING),
        or_(false(), *(details.contains(text, autoescape=True) for text in sorted(written))),
    )
    changed = []
    for row in db.session.execute(searches.order_by(COLUMNS.id).with_for_update()).all():
        told = row.details
        for person in people.values():
            told = without_search(told, person)
        if told != row.details:
            changed.append({"id": row.id, "details": told})
    _write(changed)


def _in_lower_case(json_text: ColumnElement[str]) -> ColumnElement[str]:
    """Return ASCII JSON in lower case. A Turkish locale would not turn I into i."""
    return func.lower(json_text if is_sqlite() else collate(json_text, "C"))


def _events_of(people: Mapping[int, ErasedUser]) -> list[int]:
    """Return the ids of the events that still name one of these users, oldest first."""
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
        tell_rewritten([row["id"] for row in rows])
