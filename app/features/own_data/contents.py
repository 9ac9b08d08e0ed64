"""Collect the data of a user: that of the core's tables here, and of features by their slots."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import or_, select

from app.extensions import db
from app.kit import slots, storage
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, User, UserSession

MOST_ROWS = 10_000


def write(user: User, target: BinaryIO) -> None:
    """Write an archive with the data of a user. Raises storage.Away."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in slots.data_of(user):
            text = json.dumps(contents, indent=2, ensure_ascii=False, default=_plain)
            archive.writestr(f"{name}.json", text)
        for name, key in slots.files_of(user):
            try:
                source = storage.open_key(key)
            except storage.Missing:
                continue
            with source, archive.open(name, "w") as file:
                shutil.copyfileobj(source, file)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@slots.own_data("account")
def account(user: User) -> dict[str, Any]:
    names = ("id", "email", "pending_email", "first_name", "last_name", "confirmed", "status")
    times = ("created_at", "last_seen_at", "invited_at", "suspended_at")
    facts = {name: getattr(user, name) for name in (*names, *times)}
    return facts | {"role": user.role.name if user.role else None}


@slots.own_data("sessions")
def sessions(user: User) -> list[dict[str, Any]]:
    names = ("created_at", "last_seen_at", "expires_at", "address", "device", "remembered")
    return _rows(UserSession, names, UserSession.user_id == user.id)


@slots.own_data("mails")
def mails(user: User) -> list[dict[str, Any]]:
    names = ("message", "recipient", "subject", "state", "created_at", "sent_at")
    return _rows(EmailMessage, names, EmailMessage.user_id == user.id)


@slots.own_data("activity")
def activity(user: User) -> list[dict[str, Any]]:
    """Return the events by the user, and those about them without the names of others."""
    is_subject = (AuditEvent.subject_type == "user") & (AuditEvent.subject_id == user.id)
    names = ("at", "action", "address", "device", "actor_id")
    found = _rows(AuditEvent, names, or_(AuditEvent.actor_id == user.id, is_subject))
    for event in found:
        if event.pop("actor_id") != user.id:
            event["address"] = event["device"] = ""
    return found


def _rows(model: Any, names: tuple[str, ...], condition: Any) -> list[dict[str, Any]]:
    query = select(*(getattr(model, name) for name in names)).where(condition)
    newest = query.order_by(model.id.desc()).limit(MOST_ROWS)
    return [dict(row._mapping) for row in db.session.execute(newest)]
