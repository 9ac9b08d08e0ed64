"""Write mails to the outbox. The caller commits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import make_msgid
from typing import Any
from typing import cast as cast_type
from urllib.parse import urlsplit

from flask import current_app, g
from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    String,
    cast,
    column,
    func,
    insert,
    literal,
    select,
)

from app.extensions import db, is_sqlite
from app.kit.mail.email_message import EmailMessage
from settings.normalise import mail_domain

Follower = Callable[[str, str, int], None]
"""A function that takes the kind of a mail, the recipient or "", and the number of mails."""

_followers: list[Follower] = []


def follow_mails(follower: Follower) -> Follower:
    """Call the decorated function whenever mails are written. The caller of `add` may roll back."""
    _followers.append(follower)
    return follower


def _tell(kind: str, recipient: str, number: int) -> None:
    for follower in _followers:
        follower(kind, recipient, number)


def add(kind: str, recipient: str, user: Any = None, /, **context: Any) -> EmailMessage:
    """Write a mail to the outbox. `user` is the row of the recipient, if there is one."""
    if user is not None and user.id is None:
        db.session.flush()
    row = EmailMessage(
        message=kind,
        recipient=recipient,
        user_id=user.id if user else None,
        context=context,
        message_id=new_message_id(),
        request_id=g.get("request_id", ""),
    )
    if "batched_emails" in g:
        g.batched_emails.append(row)
    else:
        db.session.add(row)
    _tell(kind, recipient, 1)
    return row


@contextmanager
def in_batch() -> Iterator[None]:
    """Collect the mails of the block, and write them at its end in one statement.

    They are marked as bulk, so mails that a single user waits for are sent before them. The rows
    that `send_<message>` returns inside the block are not part of the session.
    """
    rows: list[EmailMessage] = []
    g.batched_emails = rows
    try:
        yield
    finally:
        del g.batched_emails
    if rows:
        _write_together(rows)


# These columns differ between mails. The other columns get their defaults.
_OWN_COLUMNS = ("message", "recipient", "user_id", "context", "message_id", "request_id")


def _write_together(rows: list[EmailMessage]) -> None:
    """Insert the rows from one JSON parameter. One parameter per value is ten times slower."""
    table = EmailMessage.__table__
    own = [table.c[name] for name in _OWN_COLUMNS]
    each_one = [{name: getattr(row, name) for name in _OWN_COLUMNS} for row in rows]
    given = literal(json.dumps(each_one))
    if is_sqlite():
        each = func.json_each(given).table_valued("value")
        values: list[Any] = [func.json_extract(each.c.value, f"$.{name}") for name in _OWN_COLUMNS]
    else:
        columns = [column(one.name, one.type) for one in own]
        each = func.json_to_recordset(cast(given, JSON)).table_valued(*columns)
        each = each.render_derived(with_types=True)
        values = [*each.c]
    defaults = {
        one: one.default.arg(None) if one.default.is_callable else one.default.arg
        for one in table.c
        if one.default is not None and one.name not in _OWN_COLUMNS
    } | {table.c.is_bulk: True}
    constants = [literal(value, one.type) for one, value in defaults.items()]
    chosen = select(*values, *constants).select_from(each)
    db.session.execute(insert(table).from_select([*own, *defaults], chosen))


def add_to(condition: ColumnElement[bool], kind: str, /, *, table: Any, **context: Any) -> int:
    """Write a mail for each row of `table` that meets the condition, in one statement.

    The table has the columns `id` and `email`. Returns the number of mails.
    """
    random, host = new_message_id().strip("<>").split("@")
    values: dict[str, Any] = {
        "message": literal(kind),
        "recipient": table.email,
        "user_id": table.id,
        "context": literal(context, EmailMessage.context.type),
        "message_id": literal(f"<{random}.") + cast(table.id, String) + literal(f"@{host}>"),
        "request_id": literal(g.get("request_id", "")),
        "is_bulk": literal(True),
    }
    rows = select(*values.values()).where(condition).order_by(table.id)
    written = db.session.execute(insert(EmailMessage).from_select(list(values), rows))
    number = cast_type(CursorResult[Any], written).rowcount
    if number:
        _tell(kind, "", number)
    return number


def new_message_id() -> str:
    """Return a globally unique Message-ID (RFC 5322, section 3.6.4)."""
    host = urlsplit(current_app.config["APP_URL"]).hostname or "localhost"
    return make_msgid(domain=mail_domain(host))
