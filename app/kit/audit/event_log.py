"""Log each audit event once it is committed, as one line of JSON.

The line holds the ids of users and not their emails, because only the audit trail can remove an
email when a user is erased.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.extensions import db
from app.kit.audit.event import AuditEvent

Reader = Callable[[dict[str, Any]], None]
"""A function that takes the line of a committed event. It uses no database."""

logger = logging.getLogger("app.audit")
_readers: list[Reader] = []


def read_events(reader: Reader) -> Reader:
    """Call the decorated function for each event, after it is committed."""
    _readers.append(reader)
    return reader


@event.listens_for(AuditEvent, "after_insert")
def _remember(_mapper: object, _connection: object, row: AuditEvent) -> None:
    line = {
        "event": row.id,
        "at": row.at.isoformat(timespec="milliseconds"),
        "action": row.action,
        "actor": row.actor_id,
        "acting_as": row.acting_as_id,
        "subject": [row.subject_type, row.subject_id],
        "address": row.address,
    }
    db.session.info.setdefault("audit", []).append(line)


@event.listens_for(db.session, "after_commit")
def _write_down(session: Session) -> None:
    for line in session.info.pop("audit", ()):
        logger.info("%s", json.dumps(line))
        for reader in _readers:
            reader(line)


@event.listens_for(db.session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop("audit", None)
