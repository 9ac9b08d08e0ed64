"""Keep files in a folder that only this user can open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.kit.storage.errors import Away, Missing


@dataclass(frozen=True)
class Folder:
    """A folder as the place for files. A generated key is a path below it."""

    path: Path

    def put(self, key: str, stream: BinaryIO, size: int, content_type: str) -> None:
        path = self._path(key)
        with _problems():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A file that breaks off belongs to a row to which nothing refers yet.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                shutil.copyfileobj(stream, file)

    def get(self, key: str) -> BinaryIO:
        with _problems(key):
            return self._path(key).open("rb")

    def size(self, key: str) -> int:
        with _problems(key):
            return self._path(key).stat().st_size

    def delete(self, key: str) -> None:
        with _problems(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        """Return the path of a key, in one of 256 folders of its kind."""
        kind, _, name = key.rpartition("/")
        return self.path / kind / name[:2] / name


@contextmanager
def _problems(missing: str = "") -> Iterator[None]:
    """Turn the errors of the disk into Away, or into Missing if the file `missing` is not there."""
    try:
        yield
    except OSError as error:
        if missing and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise Missing(missing) from None
        raise Away(error.strerror or "the folder cannot be used") from error
