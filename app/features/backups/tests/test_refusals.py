"""Archives that cannot be restored are refused before anything has changed, with a sentence."""

from __future__ import annotations

import gc
import json
import os
import re
import tarfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text

from app.extensions import db, is_sqlite
from app.features.backups import age_keys, archive, making, places, restoring
from app.features.backups.archive import ArchiveReader, ArchiveWriter
from app.features.backups.databases import client_tools
from app.features.backups.databases.restore_script import for_server
from app.features.backups.errors import ArchiveDamaged, BackupRefused, PlaceAway
from app.features.backups.tests.support import contents, make, restore
from app.kit import outgoing
from config import ConfigurationError, DevelopmentConfig


@pytest.fixture
def path(original, tmp_path) -> Path:
    return tmp_path / "backups" / make()


def refusal(wanted, **options) -> str:
    with pytest.raises(BackupRefused) as refused:
        restore(str(wanted), replace=True, **options)
    return str(refused.value)


def test_an_archive_that_was_cut_off_or_changed_is_refused(path, original):
    expected, whole = contents(), path.read_bytes()
    cut = path.with_name("cut.backup")
    for length in (0, 1, 511, 513, 5_000, len(whole) // 2, len(whole) - 12_000):
        cut.write_bytes(whole[:length])
        assert re.search(r"cut off|no backup|damaged", refusal(cut)), length
    for place in (len(whole) // 3, len(whole) // 2):
        changed = bytearray(whole)
        changed[place] ^= 1
        cut.write_bytes(changed)
        assert re.search(r"checksums|cut off|damaged|no backup", refusal(cut)), place
    cut.write_text("a text that somebody chose by mistake")
    assert "no backup" in refusal(cut)
    assert contents() == expected
    assert outgoing.current_hold() is None


def test_an_encrypted_one_needs_its_key_and_its_end(original, tmp_path, key_files):
    original.config["BACKUP_RECIPIENTS"] = [key_files.public]
    expected = contents()
    path = tmp_path / "backups" / make()
    assert "Name its key" in refusal(path)
    other = tmp_path / "other.txt"
    other.write_text(age_keys.make_pair()[0])
    assert "encrypted to another key" in refusal(path, identity=other)
    other.write_text("AGE-SECRET-KEY-1NOTHING")
    assert "no secret key of age" in refusal(path, identity=other)
    assert "cannot be read" in refusal(path, identity=tmp_path / "none.txt")

    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 20_000, 200):
        path.write_bytes(whole[:length])
        assert re.search("damaged|cut off", refusal(path, identity=key_files.file)), length
    path.write_bytes(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
    assert "damaged" in refusal(path, identity=key_files.file)
    assert contents() == expected


def test_a_plain_archive_among_encrypted_ones_is_refused_unless_its_path_is_named(
    original, key_files
):
    """Who may write to the place could put it there."""
    place = places.place(original.config["BACKUP_TO"])
    name = make()
    original.config["BACKUP_RECIPIENTS"] = [key_files.public]
    with (
        pytest.raises(BackupRefused, match="is not encrypted"),
        restoring.opened("latest", place, key_files.file),
    ):
        pass
    with restoring.opened(f"{original.config['BACKUP_TO']}/{name}", place, None) as (_, reader):
        assert reader.verify().app


def test_a_key_that_is_none_makes_no_backup(original, tmp_path):
    original.config["BACKUP_RECIPIENTS"] = ["age1nothing"]
    with pytest.raises(BackupRefused, match="no public key"):
        make()
    assert not (tmp_path / "backups").exists()


def test_a_database_that_is_newer_than_the_code_is_refused(original):
    expected = contents()
    db.session.execute(text("INSERT INTO alembic_version VALUES ('core_9999')"))
    db.session.commit()
    name = make()
    db.session.execute(text("DELETE FROM alembic_version WHERE version_num = 'core_9999'"))
    db.session.commit()
    said = refusal(name)
    assert "newer than the code" in said
    assert "core_9999" in said
    assert contents() == expected


def test_a_backup_of_the_other_engine_is_refused(path, original, monkeypatch):
    real = archive.BackupManifest.parsed

    def of_another(content):
        manifest = real(content)
        manifest.engine = "postgresql" if is_sqlite() else "sqlite"
        return manifest

    monkeypatch.setattr(archive.BackupManifest, "parsed", of_another)
    assert "of the same kind" in refusal(path)


def test_rows_that_do_not_match_undo_the_restore(original, monkeypatch, tmp_path):
    """The files that it stored are deleted again."""
    real = making._manifest

    def wrong(snapshot, made_at):
        snapshot.rows["users"] += 1
        return real(snapshot, made_at)

    monkeypatch.setattr(making, "_manifest", wrong)
    expected = contents()
    name = make()
    (there,) = (one for one in (tmp_path / "files").rglob("*.64"))
    there.unlink()
    assert re.search(r"users.* has \d+ rows and not \d+", refusal(name))
    assert not there.exists()
    there.write_bytes(b"small")
    assert contents() == expected
    assert outgoing.current_hold() is None


def test_a_manifest_that_lies_is_refused(path, original, tmp_path):
    """Its words are of other types, or it leaves out a table, whose sessions would live on."""
    expected, lie = contents(), tmp_path / "lie.backup"
    with tarfile.open(path) as tar:
        members = [(one, tar.extractfile(one).read()) for one in tar]
    honest = json.loads(members.pop()[1])

    def told(**values) -> str:
        content = json.dumps(honest | values).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(content)
        with tarfile.open(lie, "w") as tar:
            for member, data in [*members, (info, content)]:
                tar.addfile(member, BytesIO(data))
        return refusal(lie)

    odd = (None, True, "x", 1, ["x"], [1], {"x": "x"}, {"x": None}, {"x": [1]})
    for name, value in honest.items():
        for other in odd:
            is_alike = type(other) is type(value) and not isinstance(value, list | dict)
            if not is_alike and (name, other) != ("revisions", ["x"]):
                assert "The manifest of the archive cannot be read." in told(**{name: other})
    rows = honest["rows"]
    for name in ("users", "user_sessions"):
        assert f"{name} is not counted" in told(rows={k: v for k, v in rows.items() if k != name})
    for name, count in {"nothing": 1, "\0": 0, '"; DROP TABLE users; --': 1}.items():
        told(rows=rows | {name: count})
    assert contents() == expected


def test_an_archive_of_another_application_is_named(path, original, monkeypatch):
    """A file of the wrong folder is soon chosen. A copy that was renamed knows its former name."""
    db.session.remove()
    monkeypatch.setitem(original.config, "QUEUE_PREFIX", "shop")
    runner = original.test_cli_runner()
    asked = runner.invoke(args=["restore", str(path), "--replace"], input="n\n")
    assert asked.exit_code == 1
    assert "It is a backup of" in asked.output
    assert "and this is shop." in asked.output
    monkeypatch.setattr("app.kit.database.migrations.known_revisions", lambda _folder: set())
    with pytest.raises(BackupRefused, match="whose tables the code here does not know"):
        restore(str(path), replace=True)


def test_a_disk_that_is_full_leaves_no_part_and_no_second_error(
    original, tmp_path, key_files, monkeypatch
):
    """tarfile wrote its last block when it was deleted, and failed again with a traceback."""
    open_file = os.open

    def open_on_full_disk(path, flags, mode=0o777, **options):
        descriptor = open_file(path, flags, mode, **options)
        if not str(path).endswith(".part"):
            return descriptor
        os.close(descriptor)
        return open_file("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", open_on_full_disk)
    for keys in ([], [key_files.public]):
        original.config["BACKUP_RECIPIENTS"] = keys
        with pytest.raises(PlaceAway, match="No space left on device"):
            make()
        gc.collect()
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_hostile_archive_names_no_path(monkeypatch):
    real = archive.KEY
    for key in ("../../etc/passwd", "test/../x", "/etc/passwd", "test/x", "a/b/" + "0" * 32):
        file = archive.ArchivedFile(key, 1, "text/plain")
        with pytest.raises(BackupRefused, match="odd key"):
            ArchiveWriter(BytesIO()).add_file(file, BytesIO(b"x"))
        monkeypatch.setattr(archive, "KEY", re.compile(".*"))
        reader = reader_of(lambda writer, file=file: writer.add_file(file, BytesIO(b"x")))
        monkeypatch.setattr(archive, "KEY", real)
        with pytest.raises(ArchiveDamaged, match="no stored file has"):
            reader.verify()


def test_a_hostile_archive_has_no_links_and_no_other_format(monkeypatch):
    def add_link(writer):
        info = archive.tarfile.TarInfo(f"files/test/{'0' * 32}")
        info.type, info.linkname = archive.tarfile.SYMTYPE, "/etc/passwd"
        writer._tar.addfile(info)

    with pytest.raises(ArchiveDamaged, match="a part that no backup has"):
        reader_of(add_link).verify()
    monkeypatch.setattr(archive, "FORMAT", 2)
    newer = reader_of(lambda writer: None)
    monkeypatch.setattr(archive, "FORMAT", 1)
    with pytest.raises(ArchiveDamaged, match="has the format 2"):
        newer.verify()


def reader_of(write) -> ArchiveReader:
    sink = BytesIO()
    writer = ArchiveWriter(sink)
    write(writer)
    writer._tar.close()

    @contextmanager
    def opened():
        yield BytesIO(sink.getvalue())

    return ArchiveReader(opened)


# Places


@pytest.mark.parametrize(
    ("text", "words"), [("", "Set BACKUP_TO"), ("ftp://a/b", "no place"), ("s3://", "no place")]
)
def test_a_place_that_is_none_is_refused(app, text, words):
    with pytest.raises(BackupRefused, match=words):
        places.place(text)


def test_a_folder_that_cannot_be_written_is_away(original, tmp_path):
    (tmp_path / "backups").write_text("a file in the place of a folder")
    with pytest.raises(PlaceAway, match="cannot be used"):
        make()


def test_a_bucket_that_is_away_is_reported(original, s3_url, monkeypatch):
    monkeypatch.setattr("app.kit.storage.bucket.CONNECT", 0.2)
    config = original.config
    config |= {"BACKUP_TO": "s3://no-such-bucket/x", "S3_ACCESS_KEY": "k", "S3_SECRET_KEY": "s"}
    config["BACKUP_S3_ENDPOINT"] = s3_url
    with pytest.raises(PlaceAway, match="answers NoSuchBucket"):
        make()
    place = places.place(config["BACKUP_TO"])

    def write_much():
        with place.write("name") as sink:
            for _ in range(100):
                sink.write(b"x" * 1_000_000)

    with pytest.raises(PlaceAway, match="NoSuchBucket"):
        write_much()
    config["BACKUP_S3_ENDPOINT"] = "http://127.0.0.1:9"
    with pytest.raises(PlaceAway, match="does not answer"):
        make()


def test_an_endpoint_without_a_scheme_is_refused_at_the_start():
    with pytest.raises(ConfigurationError, match="BACKUP_S3_ENDPOINT must look like"):
        DevelopmentConfig({"BACKUP_S3_ENDPOINT": "127.0.0.1:9000"})


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_backup_that_breaks_off_leaves_no_archive(
    kind, app, tmp_path, bucket_of_tests, s3_url, monkeypatch
):
    monkeypatch.setitem(app.config, "BACKUP_S3_ENDPOINT", s3_url)
    monkeypatch.setitem(app.config, "BACKUP_S3_ACCESS_KEY", "k")
    monkeypatch.setitem(app.config, "BACKUP_S3_SECRET_KEY", "s")
    to = str(tmp_path) if kind == "folder" else f"s3://{bucket_of_tests.name}/broken"
    place = places.place(to)
    to_keys = age_keys.recipients([age_keys.make_pair()[1]])
    for recipients in ([], to_keys):

        def break_off(size, recipients=recipients):
            with place.write("name") as sink, age_keys.encrypted(sink, recipients) as plain:
                plain.write(b"x" * size)
                raise KeyboardInterrupt

        for size in (10, 40_000_000):
            with pytest.raises(KeyboardInterrupt):
                break_off(size)
    assert place.names() == []
    assert list(tmp_path.iterdir()) == []


# The programs of PostgreSQL


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that installs a program that tells a version, and no other."""
    monkeypatch.setattr(client_tools, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(version):
        file = tmp_path / "pg_dump"
        file.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        file.chmod(0o700)

    return install


def test_programs_that_are_missing_or_too_old_are_named(program, app):
    with pytest.raises(BackupRefused, match=r"pg_dump is not installed.*postgresql-client-17"):
        client_tools.find("pg_dump", least=17)
    program("15.2 (Debian)")
    with pytest.raises(BackupRefused, match="of version 15, and 17 is needed"):
        client_tools.find("pg_dump", least=17)
    assert client_tools.find("pg_dump", least=15)[1] == 15
    program("13.1")
    with pytest.raises(BackupRefused, match="of version 13, and 14 is needed"):
        client_tools.find("pg_dump", least=12)


def test_an_older_server_gets_no_setting_that_it_lacks():
    script = b"SET lock_timeout = 0;\nSET transaction_timeout = 0;\nCREATE SCHEMA public;\n"
    assert for_server(script, 17) == (
        b"SET transaction_timeout = 0;\nCREATE SCHEMA IF NOT EXISTS public;\n"
    )
    assert for_server(script, 16) == b"CREATE SCHEMA IF NOT EXISTS public;\n"


def test_the_password_goes_to_the_environment_of_the_program(app):
    given = {"host": "db", "user": "a", "password": "p w", "dbname": "d", "sslmode": "require"}
    found = client_tools.environment(given)
    names = ("PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")
    assert [found[name] for name in names] == ["db", "a", "p w", "d", "require"]
