"""Refuse to write in a session of the database, for tokens that only read."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from app.extensions import db
from app.kit.audit import AuditEvent

REFUSES = "refuses_writes"  # a key of Session.info


class ReadOnlyToken(Exception):
    """Raised if a request with a token that only reads would change something."""


def refuse_writes(session: Session) -> None:
    """Raise ReadOnlyToken for every change in `session`, except for events of the audit trail.

    Services write through the session, so no view has to ask. Downloads record an event, which a
    token that only reads may cause.
    """
    if not session.info.get(REFUSES):
        session.info[REFUSES] = True
        event.listen(session, "do_orm_execute", _refuse_statement)


def allow_writes(session: Session) -> None:
    """Undo `refuse_writes`."""
    if session.info.pop(REFUSES, False):
        event.remove(session, "do_orm_execute", _refuse_statement)


# All sessions have this listener, because to add one to a session takes a twentieth of GET /me.
@event.listens_for(db.session, "before_flush")
def _refuse_flush(session: Session, _context: Any, _instances: Any) -> None:
    if not session.info.get(REFUSES):
        return
    changed = {*session.new, *session.deleted, *filter(session.is_modified, session.dirty)}
    if not all(isinstance(row, AuditEvent) and row in session.new for row in changed):
        raise ReadOnlyToken


def _refuse_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise ReadOnlyToken
