"""Choose the place where files are kept: a folder, or a bucket if one is set."""

from __future__ import annotations

import secrets
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from flask import Flask, current_app

from app.kit.storage.bucket import Bucket
from app.kit.storage.errors import Away, Missing
from app.kit.storage.folder import Folder
from app.kit.web import headers

__all__ = ["Away", "Backend", "Missing", "backend", "check", "init_app"]

EXTENSION = "file_storage"


class Backend(Protocol):
    """A place for files. Every method raises Away if the place does not answer."""

    def put(self, key: str, stream: BinaryIO, size: int, content_type: str) -> None: ...

    def get(self, key: str) -> BinaryIO:
        """Open a file. The caller closes it. Raises Missing."""

    def size(self, key: str) -> int:
        """Return the size of a file in bytes. Raises Missing."""

    def delete(self, key: str) -> None:
        """Delete a file, or do nothing if there is none."""


def init_app(app: Flask) -> None:
    if not app.config["S3_BUCKET"]:
        app.extensions[EXTENSION] = Folder(Path(app.config["FILES_FOLDER"]))
        return
    bucket = app.extensions[EXTENSION] = Bucket(
        app.config["S3_BUCKET"],
        endpoint=app.config["S3_ENDPOINT"],
        region=app.config["S3_REGION"],
        key=app.config["S3_ACCESS_KEY"],
        secret=app.config["S3_SECRET_KEY"],
    )
    # Scripts of the app send files straight to the bucket.
    headers.allow_source(app, "connect-src", bucket.origins)


def backend() -> Backend:
    found: Backend = current_app.extensions[EXTENSION]
    return found


def check() -> None:
    """Write, read and delete a small file. Raises Away or Missing."""
    key, content = f"check/{secrets.token_hex(8)}", b"written by a check"
    backend().put(key, BytesIO(content), len(content), "text/plain")
    with backend().get(key) as file:
        if file.read() != content:
            raise Missing(key)
    backend().delete(key)
