"""The mails that development keeps in files, as their reader would see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

from flask import current_app

from app.mail import FILE_NAME, files_directory, stored_files

SHOWN = 100


@dataclass(frozen=True)
class StoredMail:
    """A mail that was read back from its file."""

    name: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    text: str
    html: str
    links: list[str]


def newest() -> list[StoredMail]:
    """Return the mails that came last, newest first."""
    found = (_read(path) for path in stored_files(_directory())[:SHOWN])
    return [mail for mail in found if mail is not None]


def find(name: str) -> StoredMail | None:
    """Return the mail in the file called `name`, or None if there is none or it is no such name."""
    return _read(_directory() / name) if FILE_NAME.fullmatch(name) else None


def clear() -> int:
    """Delete every mail and return how many there were."""
    paths = stored_files(_directory())
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _directory() -> Path:
    return files_directory(current_app)  # type: ignore[arg-type]


def _read(path: Path) -> StoredMail | None:
    try:
        mime = message_from_bytes(path.read_bytes(), policy=policy.default)
    except FileNotFoundError:
        return None
    parts = {}
    for kind in ("plain", "html"):
        body = mime.get_body((kind,))  # type: ignore[attr-defined]
        parts[kind] = body.get_content() if body is not None else ""
    stamp = datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H%M%S%f")
    return StoredMail(
        name=path.name,
        subject=str(mime["Subject"] or ""),
        sender=str(mime["From"] or ""),
        recipient=str(mime["To"] or ""),
        sent_at=stamp.replace(tzinfo=UTC),
        text=parts["plain"],
        html=parts["html"],
        links=_links(parts["html"]),
    )


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
