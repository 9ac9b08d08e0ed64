"""Read and change the mode of the site."""

from __future__ import annotations

from math import ceil

from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.maintenance import watching
from app.features.maintenance.models import THE_ROW, Maintenance, SiteMode, SiteState
from app.kit import audit, edit_conflicts
from app.kit.database import now
from app.models import Permission, User

DEFAULT_WAIT, SHORTEST_WAIT = 300, 60  # seconds

EVENTS = {
    SiteMode.OFF: "maintenance.ended",
    SiteMode.READ_ONLY: "maintenance.made_read_only",
    SiteMode.CLOSED: "maintenance.closed",
}
CHANGED = "maintenance.changed"


def stored() -> SiteState:
    """Return the mode of the database, and not that of this process."""
    return _state(db.session.get(Maintenance, THE_ROW))


def change(wanted: SiteState, *, by: User | None, seen: str | None = None) -> bool:
    """Change the mode of the site, and return whether anything changed.

    `seen` is a snapshot of the values that the change is based on. Raises EditConflict.
    """
    if wanted.mode is SiteMode.OFF:
        wanted = SiteState(wanted.mode, wanted.message)
    row = db.session.get(Maintenance, THE_ROW, with_for_update=True, populate_existing=True)
    before = _state(row)
    if row is None:
        row = Maintenance(id=THE_ROW)
    edit_conflicts.ensure_unchanged(seen, before.noted(), row, [CHANGED, *EVENTS.values()])
    old, new = before.noted(), wanted.noted()
    changes = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
    if changes:
        row.mode, row.message, row.until = wanted.mode, wanted.message, wanted.until
        db.session.add(row)
        try:
            db.session.flush()
        except IntegrityError:  # A concurrent request has just inserted it.
            db.session.rollback()
            return change(wanted, by=by, seen=seen)
        action = EVENTS[wanted.mode] if "mode" in changes else CHANGED
        audit.record(action, by=by, subject=row, changes=changes)
    db.session.commit()
    watching.note(wanted)
    return bool(changes)


def retry_after(state: SiteState) -> int:
    """Return after how many seconds a client may try again."""
    left = (state.until - now()).total_seconds() if state.until else 0.0
    return max(SHORTEST_WAIT, ceil(left)) if left > 0 else DEFAULT_WAIT


def may_enter(user: User) -> bool:
    """Tell whether a user gets in while the site is closed, also when signed in as another one."""
    by = (user.impersonator or user) if user.is_authenticated else None
    return by is not None and by.can(Permission.ADMINISTER)


def _state(row: Maintenance | None) -> SiteState:
    return row.state if row else SiteState()
