"""Provide an app with data and files to back up, and an empty one to restore into."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask

from app import emails
from app.extensions import db
from app.features.backups import age_keys
from app.kit import storage
from app.kit.storage import registry
from app.kit.storage.backend import EXTENSION
from app.kit.storage.folder import Folder
from app.models import User
from tests.factories import make_user

SECRET_KEY = "a key that original and copy share, of 48 letters"


class KeyFiles(NamedTuple):
    """A public key, and the file with its secret key."""

    public: str
    file: Path


@pytest.fixture
def original(migrated_app: Flask, tmp_path: Path, monkeypatch) -> Iterator[Flask]:
    """Return an app with users, a mail that waits, and files, and push its context."""
    monkeypatch.setitem(registry._owners, "test", User.invited_by_id)
    prepare(migrated_app, tmp_path / "files", tmp_path / "backups")
    with migrated_app.app_context():
        users = [make_user(email=f"person{number}@example.org") for number in range(3)]
        emails.send_password_changed(users[0])
        db.session.commit()
        storage.save("test", BytesIO(b"GIF89a"), most=100, file_name="Grüße.gif")
        storage.save_parts("test", {"64": b"small", "256": b"large"}, content_type="image/webp")
        yield migrated_app
        db.session.remove()


@pytest.fixture
def copy(own_app: Flask, tmp_path: Path) -> Flask:
    """Return an app on an empty machine that finds the same backups."""
    prepare(own_app, tmp_path / "files of the copy", tmp_path / "backups")
    return own_app


def prepare(app: Flask, files: Path, backups: Path) -> None:
    app.config |= {"BACKUP_TO": str(backups), "SECRET_KEY": SECRET_KEY}
    app.extensions[EXTENSION] = Folder(files)


@pytest.fixture
def key_files(tmp_path: Path) -> KeyFiles:
    secret, public = age_keys.make_pair()
    file = tmp_path / "key.txt"
    file.write_text(f"# made for a test\n{secret}\n")
    return KeyFiles(public, file)
