"""Read the mails that development stores in files."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from app.kit.mail import files as mail_files

SHOWN = 100


@dataclass(frozen=True)
class StoredMail:
    """A mail that was read from its file."""

    name: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    text: str
    html: str
    links: list[str]


def newest() -> list[StoredMail]:
    """Return the latest mails, newest first."""
    folder = mail_files.directory()
    found = (_read(folder, path.name) for path in mail_files.stored(folder)[:SHOWN])
    return [mail for mail in found if mail is not None]


def find(name: str) -> StoredMail | None:
    """Return the mail in the file called `name`, or None if the name is invalid or unknown."""
    return _read(mail_files.directory(), name)


def clear() -> int:
    """Delete all mails and return their number."""
    paths = mail_files.stored(mail_files.directory())
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _read(folder: Path, name: str) -> StoredMail | None:
    if (sent_at := mail_files.sent_at(name)) is None:
        return None
    try:
        mime = message_from_bytes((folder / name).read_bytes(), policy=policy.default)
    except FileNotFoundError:
        return None
    html = _part(mime, "html").replace("cid:picture", _picture(mime))
    return StoredMail(
        name=name,
        subject=str(mime["Subject"] or ""),
        sender=str(mime["From"] or ""),
        recipient=str(mime["To"] or ""),
        sent_at=sent_at,
        text=_part(mime, "plain"),
        html=html,
        links=_links(html),
    )


def _part(mime: EmailMessage, kind: str) -> str:
    body = mime.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


def _picture(mime: EmailMessage) -> str:
    """Return the picture that a mail brings along as a URL that needs no server."""
    for part in mime.walk():
        if part["Content-ID"] == "<picture>":
            content: Any = part.get_payload(decode=True)
            return f"data:image/jpeg;base64,{b64encode(content).decode()}"
    return ""


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") or ""
        if tag == "a" and href.startswith(("http://", "https://")):
            self.links[href] = None


def _links(html: str) -> list[str]:
    parser = _LinkParser()
    parser.feed(html)
    return list(parser.links)
