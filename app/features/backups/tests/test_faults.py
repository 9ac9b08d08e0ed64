"""Backups during writes, two at once, and restores that are killed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import func, select

from app import emails
from app.extensions import db, is_sqlite
from app.features.backups import making, places, restoring
from app.features.backups.databases import sqlite
from app.features.backups.tests.support import contents, count_users, make, restore
from app.kit.mail.email_message import EmailMessage
from app.kit.storage.backend import EXTENSION
from app.kit.storage.folder import Folder
from app.models import User
from tests import processes
from tests.databases import NEEDS_SQLITE
from tests.factories import make_user
from tests.queue.support import until

MANY = 200  # users, so that there are many pages


@contextmanager
def writer(app):
    """Add users, each with a mail in one transaction, and yield the list of those added."""
    added, stop = [], Event()

    def write():
        with app.app_context():
            while not stop.is_set():
                number = len(added)
                user = User(email=f"w{number}@example.org", first_name="W", last_name="R")
                db.session.add(user)
                db.session.flush()
                emails.send_password_changed(user)
                db.session.commit()
                added.append(number)
            db.session.remove()

    thread = Thread(target=write)
    thread.start()
    try:
        yield added
    finally:
        stop.set()
        thread.join()


def test_a_backup_during_writes_is_of_one_moment(original):
    place = places.place(original.config["BACKUP_TO"])
    users = count_users()
    mails = db.session.scalar(select(func.count()).select_from(EmailMessage))
    db.session.rollback()
    overlapping = 0
    with writer(original) as added:
        until(lambda: added, "the writer writes")
        while overlapping < 3:
            before = len(added)
            made = making.make(place)
            rows = made.manifest.rows
            overlapping += len(added) > before
            assert rows["users"] - users == rows["email_messages"] - mails
            assert rows["users"] - users >= before
    assert restore(made.name, replace=True).manifest.rows == rows


def test_two_backups_at_once_are_both_whole(original):
    barrier, names, problems = Barrier(2), [], []

    def back_up():
        try:
            with original.app_context():
                barrier.wait(30)
                names.append(make())
        except Exception as error:
            problems.append(error)

    threads = [Thread(target=back_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(set(names)) == 2
    for name in names:
        with restoring.opened(name, places.place(original.config["BACKUP_TO"]), None) as found:
            found[1].verify()


@pytest.mark.parametrize("point", ["files", "pages", "database"])
def test_a_killed_restore_changes_nothing_and_runs_again(original, tmp_path, point):
    if point == "pages" and not is_sqlite():
        pytest.skip(NEEDS_SQLITE)  # Only SQLite is written in pages.
    for number in range(MANY if point == "pages" else 1):
        db.session.add(User(email=f"m{number}@example.org", first_name="M", last_name="N"))
    db.session.commit()
    archive = tmp_path / "backups" / make()
    make_user(email="later@example.org")
    expected = contents()
    url = db.engine.url.render_as_string(hide_password=False)
    db.session.remove()
    db.engine.dispose()
    killed = processes.run(
        *("-m", "app.features.backups.tests.killed_restore", str(archive), point),
        env={**os.environ, "TEST_DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path / "instance")},
    )
    assert killed.returncode == -9, killed.stderr
    assert contents() == expected

    original.extensions[EXTENSION] = Folder(tmp_path / "instance" / "files")
    restore(str(archive), replace=True)
    assert contents() == expected | {
        "users": [one for one in expected["users"] if one != "later@example.org"]
    }


def test_a_database_that_cannot_be_read_is_replaced(original):
    if not is_sqlite():
        pytest.skip(NEEDS_SQLITE)
    expected = contents()
    make()
    db.session.remove()
    db.engine.dispose()
    path = sqlite._path()
    path.write_bytes(b"no database any more" * 1000)
    restore(replace=True)
    assert contents() == expected
    assert path.stat().st_mode & 0o077 == 0


def test_a_connection_that_stays_open_sees_the_restored_rows(original):
    """So a web process that was not stopped goes on, with the new rows."""
    make()
    make_user(email="later@example.org")
    with db.engine.connect() as open_one:
        open_one.detach()  # A restore gives up the pool, of this process only.
        count = select(func.count()).select_from(User)
        before = open_one.scalar(count)
        open_one.rollback()
        restore(replace=True)
        assert open_one.scalar(count) == before - 1


def test_the_remains_of_a_killed_backup_are_gone_in_the_next_night(original, tmp_path):
    """It was killed some minutes after it began, and the next one begins at the same time."""
    make()
    old, new = (tmp_path / "backups" / f"{name}.backup.part" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"x")
    killed_at = old.stat().st_mtime - 60 * (24 * 60 - 10)
    os.utime(old, (killed_at, killed_at))
    make()
    assert (old.exists(), new.exists()) == (False, True)
