"""Store mails as files in development without a mail server. /dev/mail shows them."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from flask import current_app

KEPT = 500
NAME = re.compile(r"(?P<stamp>[0-9]{8}T[0-9]{12})-[0-9a-f]{8}\.eml")


def directory() -> Path:
    """Return the folder of this app's mails. It may not exist yet."""
    return Path(current_app.instance_path) / "mail"


def store(folder: Path, content: bytes) -> None:
    """Write a mail atomically to a file that only its owner can read. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.eml"
    unfinished = folder / f".{name}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    unfinished.replace(folder / name)
    for old in stored(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def stored(folder: Path) -> list[Path]:
    """Return the mails in a folder, newest first."""
    try:
        found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda path: path.name, reverse=True)


def sent_at(name: str) -> datetime | None:
    """Parse the time of sending from a file name, or return None for any other name."""
    if (match := NAME.fullmatch(name)) is None:
        return None
    try:
        return datetime.strptime(match["stamp"] + "+0000", "%Y%m%dT%H%M%S%f%z")
    except ValueError:
        return None
