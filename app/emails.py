"""Every mail that the app sends: what causes it, whom it goes to, and what it says.

`send_<message>` writes a row of the outbox and does not commit. `render` turns a row into a mail
at the moment of sending: only then are links made, so that none lies about in a database.
`preview` makes the same mail to be looked at, with links that open nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import make_msgid
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, g
from jinja2 import Environment, StrictUndefined, TemplateError
from sqlalchemy import (
    JSON,
    ColumnElement,
    String,
    cast,
    column,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from app import tokens
from app.database import now
from app.extensions import db
from app.links import external_url
from app.models import EmailMessage, User
from app.models.email_message import EmailState

HOUR = 60 * 60
DAY = 24 * HOUR

LINK_LIFETIMES = {
    "confirm": (7 * DAY, "7 days"),
    "change_email": (HOUR, "1 hour"),
    "reset_password": (HOUR, "1 hour"),
    "invite": (7 * DAY, "7 days"),
}

Values = dict[str, Any]


class Cancelled(Exception):
    """The mail has lost its purpose since it was written to the outbox; the message says why."""


@dataclass(frozen=True)
class RenderedEmail:
    """A mail as it is handed to the transport; the text may hold live links, so it is not kept."""

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str


@dataclass(frozen=True)
class Message:
    """A kind of mail: why one gets it, and the function that finds what its templates show."""

    reason: str
    values: Callable[[EmailMessage], Values]


MESSAGES: dict[str, Message] = {}


def message(reason: str) -> Callable[[Callable[[EmailMessage], Values]], Any]:
    """Register the decorated function as the source of what the message of its name shows.

    It is called when the mail is sent and raises Cancelled when there is no longer a point.
    """

    def register(values: Callable[[EmailMessage], Values]) -> Callable[[EmailMessage], Values]:
        MESSAGES[values.__name__.removeprefix("_")] = Message(reason, values)
        return values

    return register


# Links


def send_confirm(user: User) -> EmailMessage:
    return _add("confirm", user.email, user)


@message("Someone made an account with this address. If it was not you, ignore this mail.")
def _confirm(row: EmailMessage) -> Values:
    user = _user_still_at(row)
    _require(row, not user.confirmed, "the address is confirmed already")
    lifetime, expires = LINK_LIFETIMES["confirm"]
    link = external_url("account.confirm", token=user.generate_confirmation_token(lifetime))
    return {"user": user, "link": link, "expires": expires}


def send_change_email(user: User, new_email: str) -> EmailMessage:
    return _add("change_email", new_email, user, new_email=new_email)


@message(
    "Someone asked to use this address for their account. If it was not you, ignore this mail."
)
def _change_email(row: EmailMessage) -> Values:
    user = _user_of(row)
    new_email = row.context["new_email"]
    is_wanted = user.pending_email == new_email
    _require(row, is_wanted, "another address was asked for since, or none")
    lifetime, expires = LINK_LIFETIMES["change_email"]
    token = user.generate_email_change_token(new_email, lifetime)
    link = external_url("account.change_email", token=token)
    return {"user": user, "link": link, "expires": expires, "new_email": new_email}


def send_reset_password(email: str) -> EmailMessage:
    """Write the row whether or not anybody has this address: both must look and last alike."""
    return _add("reset_password", email)


@message(
    "Someone asked to reset the password of the account with this address. If it was not you, "
    "ignore this mail: your password stays as it is."
)
def _reset_password(row: EmailMessage) -> Values:
    user = _user_by_address(row)
    _require(row, not user.is_suspended, "the account is suspended")
    _become_newest(row, user, "reset_message_id")
    # Whoever changes a user locks them before their mails; the other way round might deadlock.
    row.user_id = user.id
    lifetime, expires = LINK_LIFETIMES["reset_password"]
    token = user.generate_password_reset_token(lifetime)
    link = external_url("account.reset_password", token=token)
    return {"user": user, "link": link, "expires": expires}


def send_invite(user: User, invited_by: User | None = None) -> EmailMessage:
    return _add("invite", user.email, user, invited_by=invited_by.full_name() if invited_by else "")


def note_copied_invite(user: User, invited_by: User) -> EmailMessage:
    """Write a mail that is never sent, in place of which the link is handed over by other ways.

    Its number makes the link newer than those in earlier mails, and older than those in later ones.
    """
    row = send_invite(user, invited_by)
    row.state, row.last_error = EmailState.CANCELLED, "its link was copied instead"
    return row


@message("Someone invited you to join. If you do not want to, ignore this mail.")
def _invite(row: EmailMessage) -> Values:
    user = _user_still_at(row)
    _require(row, user.is_invited, "the invitation has been accepted or withdrawn")
    is_open = current_app.config["REGISTRATION"] != "closed"
    _require(row, is_open, "invitations are closed (REGISTRATION)")
    _become_newest(row, user, "invite_message_id")
    lifetime, expires = LINK_LIFETIMES["invite"]
    token = user.generate_invite_token(lifetime)
    link = external_url("account.join_from_invite", user_id=user.id, token=token)
    invited_by = row.context["invited_by"]
    return {"user": user, "link": link, "expires": expires, "invited_by": invited_by}


# Notices


def send_already_registered(email: str) -> EmailMessage:
    return _add("already_registered", email)


@message("Someone tried to use this address for an account. If it was not you, ignore this mail.")
def _already_registered(row: EmailMessage) -> Values:
    user = _user_by_address(row)
    row.user_id = user.id
    return {"user": user, **_page_links()}


def send_address_reserved(email: str) -> EmailMessage:
    """Tell the owner of a deleted account that someone wants in at its address."""
    return _add("address_reserved", email)


@message(
    "Someone tried to sign up or to get a new password with this address. If it was not you, "
    "ignore this mail."
)
def _address_reserved(row: EmailMessage) -> Values:
    user = User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    _require(row, user.is_deleted, "the account has been restored")
    return {"user": user, "until": _date(user.purge_due_at or now())}


def send_account_created(user: User) -> EmailMessage:
    return _add("account_created", user.email, user)


@message("An administrator made an account for this address.")
def _account_created(row: EmailMessage) -> Values:
    return {"user": _user_of(row), **_page_links()}


def send_email_change_requested(user: User, new_email: str) -> EmailMessage:
    """Tell the present address, which stays until the new one is confirmed."""
    return _add("email_change_requested", user.email, user, new_email=new_email)


@message("We tell you whenever someone asks to change the address of your account.")
def _email_change_requested(row: EmailMessage) -> Values:
    return {"user": _user_of(row), "new_email": row.context["new_email"], **_page_links()}


def send_email_changed(user: User, *, old_email: str, new_email: str) -> list[EmailMessage]:
    """Tell both addresses."""
    return [
        _add("email_changed", recipient, user, old_email=old_email, new_email=new_email)
        for recipient in (old_email, new_email)
    ]


@message("We tell both addresses whenever the address of an account changes.")
def _email_changed(row: EmailMessage) -> Values:
    old_email, new_email = row.context["old_email"], row.context["new_email"]
    return {"user": _user_of(row), "old_email": old_email, "new_email": new_email}


def send_password_changed(user: User) -> EmailMessage:
    return _add("password_changed", user.email, user, when=now().isoformat())


@message("We tell you whenever the password of your account changes.")
def _password_changed(row: EmailMessage) -> Values:
    when = datetime.fromisoformat(row.context["when"])
    said = f"{_date(when)} at {when:%H:%M} UTC"
    return {"user": _user_of(row), "when": said, **_page_links()}


def send_role_changed(user: User) -> EmailMessage:
    return _add("role_changed", user.email, user, role_name=user.role.name if user.role else "")


def send_role_changed_to(people: ColumnElement[bool], *, role_name: str) -> None:
    """Write the mail to every user whom the condition selects, in one statement."""
    random, host = new_message_id().strip("<>").split("@")
    made = literal(f"<{random}.") + cast(User.id, String) + literal(f"@{host}>")
    values: dict[str, Any] = {
        "message": literal("role_changed"),
        "recipient": User.email,
        "user_id": User.id,
        "context": literal({"role_name": role_name}, EmailMessage.context.type),
        "message_id": made,
        "request_id": literal(g.get("request_id", "")),
    }
    rows = select(*values.values()).where(people).order_by(User.id)
    db.session.execute(insert(EmailMessage).from_select(list(values), rows))


@message("We tell you whenever the role of your account changes.")
def _role_changed(row: EmailMessage) -> Values:
    return {"user": _user_of(row), "role_name": row.context["role_name"]}


def send_account_deleted(user: User) -> EmailMessage:
    """Tell the owner of a deleted account, and until when it can be restored.

    The row does not refer to the user, whose other mails are cancelled.
    """
    until = (user.purge_due_at or now()).isoformat()
    return _add("account_deleted", user.email, name=user.full_name(), until=until)


@message("We tell you when your account is deleted.")
def _account_deleted(row: EmailMessage) -> Values:
    until = datetime.fromisoformat(row.context["until"])
    return {"user": None, "name": row.context["name"], "until": _date(until)}


def send_account_restored(user: User) -> EmailMessage:
    return _add("account_restored", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_restored(row: EmailMessage) -> Values:
    return {"user": _user_of(row), **_page_links()}


def send_password_change_required(user: User) -> EmailMessage:
    return _add("password_change_required", user.email, user)


@message("We tell you when an administrator wants you to choose a new password.")
def _password_change_required(row: EmailMessage) -> Values:
    user = _user_of(row)
    _require(row, user.must_change_password, "a new password was chosen already")
    return {"user": user, **_page_links()}


def send_account_suspended(user: User) -> EmailMessage:
    return _add("account_suspended", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_suspended(row: EmailMessage) -> Values:
    return {"user": _user_of(row)}


def send_account_reactivated(user: User) -> EmailMessage:
    return _add("account_reactivated", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_reactivated(row: EmailMessage) -> Values:
    return {"user": _user_of(row), **_page_links()}


# A cloner's own


def send_custom(recipient: str, subject: str, template: str, values: Values) -> EmailMessage:
    """Write a mail of `template`.txt and `template`.html, shown with `values`, to the outbox.

    `values` are JSON, but for users, who are looked up again when the mail is sent. Do not pass
    links with tokens: the row keeps what it is given.
    """
    for suffix in ("txt", "html"):
        _environment().get_template(f"{template}.{suffix}")
    kept = {
        name: {"user_id": value.id} if isinstance(value, User) else {"value": value}
        for name, value in values.items()
    }
    return _add("custom", recipient, subject=subject, template=template, values=kept)


def _custom_values(row: EmailMessage) -> Values:
    return {
        name: db.session.get(User, kept["user_id"]) if "user_id" in kept else kept["value"]
        for name, kept in row.context["values"].items()
    }


# Rendering


def render(row: EmailMessage) -> RenderedEmail:
    """Make the mail of an outbox row, with fresh links; the caller commits before sending it.

    Raises Cancelled when it has lost its purpose: the user is gone, say, or a newer link was
    asked for.
    """
    if row.message != "custom":
        values = MESSAGES[row.message].values(row)
        return present(row.message, row.recipient, values, message_id=row.message_id)
    source = row.context["template"]
    values = _with_common_values(row.recipient, _custom_values(row))
    return _made(
        row.recipient,
        row.context["subject"],
        _show(f"{source}.txt", values),
        _show(f"{source}.html", values),
        row.message_id,
    )


def present(name: str, recipient: str, values: Values, *, message_id: str = "") -> RenderedEmail:
    """Make the mail called `name` of values that are at hand, and ask the database nothing."""
    values = _with_common_values(recipient, {"reason": MESSAGES[name].reason, **values})
    subject, text, html = (
        _show(f"emails/{name}/{part}", values) for part in ("subject.txt", "body.txt", "body.html")
    )
    return _made(recipient, subject, text, html, message_id)


def _with_common_values(recipient: str, values: Values) -> Values:
    config = current_app.config
    common = {"app_name": config["APP_NAME"], "app_url": config["APP_URL"]}
    return {**common, "recipient": recipient, **values}


def _made(recipient: str, subject: str, text: str, html: str, message_id: str) -> RenderedEmail:
    prefix = current_app.config["EMAIL_SUBJECT_PREFIX"]
    return RenderedEmail(recipient, one_line(f"{prefix} {subject}"), text, html, message_id)


def load_templates() -> None:
    """Compile every mail now, for a worker whose children would each do so for themselves."""
    environment = _environment()
    for name in environment.list_templates(filter_func=lambda name: name.startswith("emails/")):
        environment.get_template(name)


@dataclass
class _Copy:
    """What a mail that is only looked at is made from: nothing that is set here is stored."""

    id: int
    message: str
    recipient: str
    user_id: int | None
    context: Values
    message_id: str


def preview(row: EmailMessage) -> RenderedEmail:
    """Make the mail of a row as `render` does, but to be looked at.

    Its links carry no tokens, nothing is written, and it may have lost its purpose. Raises
    Cancelled when what it is made from is gone.
    """
    copy: Any = _Copy(
        row.id, row.message, row.recipient, row.user_id, dict(row.context), row.message_id
    )
    with tokens.withheld():
        return render(copy)


def subject_of(row: EmailMessage) -> str:
    """Return the subject; before it has been rendered, as far as the row itself tells it."""
    if row.subject:
        return row.subject
    try:
        if row.message == "custom":
            subject = str(row.context["subject"])
        else:
            values = _with_common_values(row.recipient, row.context)
            subject = _show(f"emails/{row.message}/subject.txt", values)
    except (TemplateError, KeyError, TypeError):
        subject = row.message.replace("_", " ").capitalize()
    return one_line(f"{current_app.config['EMAIL_SUBJECT_PREFIX']} {subject}")


def one_line(text: str) -> str:
    """Return `text` without the line breaks and control characters that no header may hold."""
    printable = "".join(
        " " if character < " " or character == "\x7f" else character for character in text
    )
    return " ".join(printable.split())


def _show(template: str, values: Values) -> str:
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    """Return the app's templates, but so that a forgotten variable is an error, not a gap."""
    extensions = current_app.extensions
    if "email_templates" not in extensions:
        extensions["email_templates"] = current_app.jinja_env.overlay(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
    environment: Environment = extensions["email_templates"]
    return environment


# What the messages are made from


def _add(kind: str, recipient: str, user: User | None = None, /, **context: Any) -> EmailMessage:
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
    if "gathered_emails" in g:
        g.gathered_emails.append(row)
    else:
        db.session.add(row)
    return row


@contextmanager
def gathering() -> Iterator[None]:
    """Write the mails of the block at its end in one statement, as is right for a thousand.

    The rows that `send_<message>` returns meanwhile are unknown to the session.
    """
    rows: list[EmailMessage] = []
    g.gathered_emails = rows
    try:
        yield
    finally:
        del g.gathered_emails
    if rows:
        _write_together(rows)


# What differs from mail to mail; the rest is as the columns' defaults have it.
_OWN_COLUMNS = ("message", "recipient", "user_id", "context", "message_id", "request_id")


def _write_together(rows: list[EmailMessage]) -> None:
    """Hand the rows over as one JSON text: as parameters they would take ten times as long."""
    table = EmailMessage.__table__
    own = [table.c[name] for name in _OWN_COLUMNS]
    each_one = [{name: getattr(row, name) for name in _OWN_COLUMNS} for row in rows]
    given = literal(json.dumps(each_one))
    if db.engine.dialect.name == "sqlite":
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
    }
    constants = [literal(value, one.type) for one, value in defaults.items()]
    chosen = select(*values, *constants).select_from(each)
    db.session.execute(insert(table).from_select([*own, *defaults], chosen))


def new_message_id() -> str:
    """Return what tells a mail from all others in the world (RFC 5322, section 3.6.4)."""
    return make_msgid(domain=urlsplit(current_app.config["APP_URL"]).hostname)


def _user_of(row: EmailMessage) -> User:
    user = db.session.get(User, row.user_id) if row.user_id else None
    if user is None:
        raise Cancelled("the account no longer exists")
    _require(row, not user.is_deleted, "the account was deleted")
    return user


def _require(row: EmailMessage, holds: bool, otherwise: str) -> None:
    """Raise Cancelled unless the mail has a point still, or is only looked at."""
    if not holds and not isinstance(row, _Copy):
        raise Cancelled(otherwise)


def _user_still_at(row: EmailMessage) -> User:
    """Return the user if the mail still goes to their address; a link must not go elsewhere."""
    user = _user_of(row)
    _require(row, user.email == row.recipient, "the account has another address by now")
    return user


def _user_by_address(row: EmailMessage) -> User:
    user = User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    _require(row, not user.is_deleted, "the account was deleted")
    return user


def _become_newest(row: EmailMessage, user: User, column: str) -> None:
    """Bind the links of one kind to this mail, ending those of earlier ones.

    Raises Cancelled when a newer mail got there first. The update decides, not a look beforehand:
    two workers may have one mail each.
    """
    if isinstance(row, _Copy):
        return
    newest = getattr(User, column)
    changed = db.session.execute(
        update(User)
        .where(User.id == user.id, or_(newest.is_(None), newest <= row.id))
        .values({column: row.id})
        .execution_options(synchronize_session=False)
        .returning(User.id)
    )
    if changed.first() is None:
        raise Cancelled("a newer one was asked for")
    db.session.refresh(user)


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _page_links() -> Values:
    return {
        "login_link": external_url("account.login"),
        "reset_link": external_url("account.reset_password_request"),
    }
