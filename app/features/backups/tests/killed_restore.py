"""Restore in a process that kills itself: `python -m … ARCHIVE files|pages|database`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from app import create_app
from app.features.backups import restoring
from app.features.backups.databases import postgresql, sqlite
from app.kit.storage.folder import Folder


def die(*_arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_within(point: str) -> None:
    """Die after the first file, or when all but the last step of the database is done."""
    if point == "files":
        real_put = Folder.put

        def put(*arguments: Any) -> None:
            real_put(*arguments)
            die()

        Folder.put = put  # type: ignore[method-assign]
    elif point == "pages":  # of SQLite, in the middle of the transaction
        sqlite.PAGES = 5
        sqlite._give_up_after = lambda _seconds: die  # type: ignore[assignment]
    else:
        real_script = postgresql._as_script

        def script(*arguments: Any) -> Iterator[bytes]:
            yield from real_script(*arguments)
            die()

        postgresql._as_script = script
        sqlite._replace = die


if __name__ == "__main__":
    archive, point = sys.argv[1:]
    with (
        create_app("testing").app_context(),
        restoring.opened(archive, None, None) as (name, reader),
    ):
        manifest = restoring.check(reader, replace=True)
        die_within(point)
        restoring.restore(name, reader, manifest, replace=True)
