"""Record audit events, each in the transaction of its action."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import literal_column, select

from app.extensions import db
from app.kit.audit.actions import ACTIONS, SEARCHING
from app.kit.audit.event import Actor, AuditEvent
from app.kit.database import now
from app.kit.web import origin

LABEL_LENGTH = 254
LONGEST_VALUE = 5_000  # characters
COMMAND_LINE, BACKGROUND = "command line", "background job"


def record(
    action: str,
    *,
    by: Actor | None,
    by_label: str = "",
    subject: Any = None,
    kind: str = "",
    label: str = "",
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    **details: Any,
) -> None:
    """Add an event to the audit trail. The caller commits it together with the action itself.

    `by` is None for a command, the worker or a visitor. `by_label` names who that was, such as the
    email that a visitor entered. During an impersonation the event stores both users. `subject` is
    the row that the action changed, and must have its id. A subject that is no row has a `kind` and
    a `label`. `changes` maps each name to the value before and the value after. No value may be a
    secret.
    """
    columns = values(action, by=by, by_label=by_label, changes=changes, **details)
    db.session.add(AuditEvent(**columns | about(subject, label, kind=kind)))


def values(
    action: str,
    *,
    by: Actor | None,
    by_label: str = "",
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Return the columns of an event without its subject, for recording many rows at once.

    Raises ValueError if the action is not declared, or if erasing would not find its search.
    """
    if action not in ACTIONS:
        raise ValueError(
            f"{action} is not an action: give it words under [events] of a feature.toml, "
            "or in app/kit/audit/actions.py"
        )
    if details.keys() & {"filter", "filters", "search"} and action not in SEARCHING:
        raise ValueError(
            f"{action} records a search, but erasing would not find it: "
            "name it under `searches` of its feature.toml"
        )
    return {
        "at": now(),
        "action": action,
        "changes": {name: [*map(_fitting, pair)] for name, pair in (changes or {}).items()},
        "details": {name: _fitting(value) for name, value in details.items()} | _token_of(by),
        **provenance(by, by_label),
    }


def provenance(by: Actor | None, by_label: str = "") -> dict[str, Any]:
    """Return the columns for the actor, the impersonated user, the IP address and the request.

    They are stored with a job, so that its later events name the user who started it.
    """
    here = origin.current()
    actor = (by.impersonator or by) if by else None
    acting_as = by if actor is not by else None
    return {
        "actor_id": actor.id if actor else None,
        "actor_label": _label(actor.email if actor else by_label or _nobody(here)),
        "acting_as_id": acting_as.id if acting_as else None,
        "acting_as_label": acting_as.email if acting_as else "",
        "address": here.address,
        "device": here.device,
        "request_id": here.request_id,
    }


def is_news(action: str, *, within: timedelta) -> bool:
    """Return whether `action` was not recorded within this period for the current IP address.

    Only the newest event of the IP address is read. This is fast, but another event in between
    hides the earlier one.
    """
    address = origin.current().address
    newest = db.session.execute(
        select(AuditEvent.action, AuditEvent.at)
        .where(AuditEvent.address == address, AuditEvent.address != literal_column("''"))
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).one_or_none()
    return newest is None or newest.action != action or newest.at < now() - within


def about(subject: Any, label: str = "", *, kind: str = "") -> dict[str, Any]:
    """Return the columns that name the subject of an action."""
    if subject is None:
        return {"subject_type": kind, "subject_id": None, "subject_label": _label(label)}
    name = label or getattr(subject, "email", "") or getattr(subject, "name", "") or ""
    return {
        "subject_type": type(subject).__name__.lower(),
        "subject_id": subject.id,
        "subject_label": _label(name),
    }


def _token_of(by: Actor | None) -> dict[str, str]:
    """Return the detail that names the token with which a program acts for a user."""
    return {"token": by.token_name} if by is not None and by.token_name else {}


def _nobody(here: origin.Origin) -> str:
    """Return the label of the actor when no user is signed in."""
    if here.address:
        return ""
    return BACKGROUND if origin.is_background() else COMMAND_LINE


def _label(text: str) -> str:
    # PostgreSQL text cannot hold a NUL, and values from Redis may contain one.
    return text.replace("\0", "")[:LABEL_LENGTH]


def _fitting(value: Any) -> Any:
    """Return a value as the audit trail stores it: a long text is truncated."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return f"{value[:LONGEST_VALUE]}… ({len(value):,} characters)"
    return value
