"""A backup comes back whole: on an empty machine, from a bucket, encrypted, or over a database."""

from __future__ import annotations

import tarfile
from io import BytesIO

import pyrage
import pytest
from sqlalchemy import select, text

from app.extensions import db, is_sqlite
from app.features.backups import archive, places
from app.features.backups.errors import BackupRefused
from app.features.backups.tests.support import contents, count_users, make, restore
from app.kit import outgoing, storage
from app.kit.mail.email_message import EmailMessage
from app.kit.storage.backend import EXTENSION
from tests.factories import make_user
from tests.fixtures.s3 import KEY, SECRET


def test_a_backup_comes_back_on_an_empty_machine(original, copy, monkeypatch):
    monkeypatch.setattr(archive, "PIECE", 5_000)  # the database comes in several pieces
    expected = contents()
    name = make()

    with copy.app_context():
        report = restore()
        assert (report.name, report.new_files, report.same_files) == (name, 3, 0)
        assert report.manifest.database.count > 2
        assert contents() == expected
        assert expected["migrations"] is None
        hold = outgoing.current_hold()
        assert hold is not None
        assert hold.reason.startswith("This is a copy, restored from the backup of ")
        assert db.session.scalars(select(EmailMessage.state)).all() == ["pending"]
        db.session.rollback()
        make_user(email="new@example.org")  # the ids go on
        assert count_users() == len(expected["users"]) + 1


def test_a_restore_replaces_only_if_told_to(original):
    expected = contents()
    make()
    make_user(email="later@example.org")
    db.session.execute(text("CREATE TABLE of_a_newer_release (id INTEGER PRIMARY KEY)"))
    db.session.commit()
    if not is_sqlite():
        for statement in (
            "CREATE VIEW of_users AS SELECT id FROM users",
            "CREATE TYPE mood AS ENUM ('calm')",
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ):
            db.session.execute(text(statement))
        db.session.commit()
    with pytest.raises(BackupRefused, match="The database is not empty"):
        restore()
    assert count_users() == len(expected["users"]) + 1

    report = restore(replace=True)
    assert (report.new_files, report.same_files) == (0, 3)
    assert contents() == expected
    names = set(db.inspect(db.engine).get_table_names())
    assert "of_a_newer_release" not in names
    assert report.manifest.rows.keys() <= names
    restore(replace=True)  # and again, over a copy
    assert contents() == expected


def test_a_damaged_file_is_stored_again(original):
    expected = contents()
    make()
    rows = db.session.scalars(select(storage.StoredFile).order_by(storage.StoredFile.id)).all()
    folder = original.extensions[EXTENSION]
    for row, content in ((rows[0], b"GIF89b"), (rows[1], b"longer than it was")):
        key = row.key_of(row.parts[0])
        size = len(content)
        folder.delete(key)
        folder.put(key, BytesIO(content), size, "image/gif")
    db.session.commit()

    report = restore(replace=True)
    assert (report.new_files, report.same_files) == (2, 1)
    assert contents() == expected


def test_an_encrypted_backup_in_a_bucket_comes_back(
    original, copy, bucket_of_tests, s3_url, key_files, monkeypatch
):
    """Its files are in a bucket, too. The archive is larger than a part of an upload."""
    part = 5 * 1024 * 1024  # the least that S3 takes
    monkeypatch.setattr(places, "PART_SIZE", part)
    for app in (original, copy):
        app.extensions[EXTENSION] = bucket_of_tests
        app.config |= {
            "BACKUP_TO": f"s3://{bucket_of_tests.name}/backups/{original.config['QUEUE_PREFIX']}",
            "BACKUP_S3_ENDPOINT": s3_url,
            "S3_ACCESS_KEY": KEY,
            "S3_SECRET_KEY": SECRET,
            "BACKUP_RECIPIENTS": [key_files.public],
        }
    for row in db.session.scalars(select(storage.StoredFile)).all():
        db.session.delete(row)  # Its file is in the folder.
    db.session.commit()
    storage.save("test", BytesIO(b"x" * part + b"the end"), most=part * 2)
    expected = contents()
    name = make()
    assert name.endswith(".backup.age")
    place = places.place(original.config["BACKUP_TO"])
    assert place.names() == [name]
    assert place.size(name) > part

    for row in db.session.scalars(select(storage.StoredFile)).all():
        bucket_of_tests.delete(row.key)
    db.session.commit()
    with copy.app_context():
        assert restore(identity=key_files.file).new_files == 1
        assert contents() == expected
    place.delete(name)
    assert place.names() == []


def test_the_archive_is_a_tar_for_other_programs(original, key_files, tmp_path):
    original.config["BACKUP_RECIPIENTS"] = [key_files.public]
    path = tmp_path / "backups" / make()
    identity = pyrage.x25519.Identity.from_str(key_files.file.read_text().splitlines()[-1])
    assert b"person0" not in path.read_bytes()
    plain = pyrage.decrypt(path.read_bytes(), [identity])
    with tarfile.open(fileobj=BytesIO(plain)) as tar:
        names = tar.getnames()
    assert (names[0], names[-1]) == ("about.json", "manifest.json")
    assert sum(name.startswith("files/test/") for name in names) == 3
