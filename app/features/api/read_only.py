"""Refuse to write in a session of the database, for tokens that only read."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from app.kit.audit import AuditEvent


class ReadOnlyToken(Exception):
    """Raised if a request with a token that only reads would change something."""


def refuse_writes(session: Session) -> None:
    """Raise ReadOnlyToken for every change in `session`, except for events of the audit trail.

    Services write through the session, so no view has to ask. Downloads record an event, which a
    token that only reads may cause.
    """
    if not event.contains(session, "before_flush", _refuse_flush):
        event.listen(session, "before_flush", _refuse_flush)
        event.listen(session, "do_orm_execute", _refuse_statement)


def allow_writes(session: Session) -> None:
    """Undo `refuse_writes`."""
    if event.contains(session, "before_flush", _refuse_flush):
        event.remove(session, "before_flush", _refuse_flush)
        event.remove(session, "do_orm_execute", _refuse_statement)


def _refuse_flush(session: Session, _context: Any, _instances: Any) -> None:
    changed = {*session.new, *session.deleted, *filter(session.is_modified, session.dirty)}
    if not all(isinstance(row, AuditEvent) and row in session.new for row in changed):
        raise ReadOnlyToken


def _refuse_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise ReadOnlyToken
