"""Files are kept in a folder or a bucket, and a file that belongs to nothing is deleted."""

import stat
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from textwrap import indent
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine
from flask import Flask
from sqlalchemy import ForeignKey, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.datastructures import FileStorage

from app import create_app
from app.extensions import db
from app.kit import storage
from app.kit.database import now
from app.kit.storage import files, registry
from app.kit.storage.backend import EXTENSION
from app.kit.storage.bucket import Bucket
from app.kit.storage.folder import Folder
from app.kit.web.stored_files import respond
from app.models import User
from config import ConfigurationError
from tests.contracts.test_snippets import blocks_of

MOST = 1024
LONG_AGO = timedelta(days=2)


class Base(DeclarativeBase):
    """The base of the model here, apart from the application's."""


storage.StoredFile.__table__.to_metadata(Base.metadata)


class Invoice(Base):
    """The model of docs/files.md."""

    __tablename__ = "invoices_with_receipts"

    id: Mapped[int] = mapped_column(primary_key=True)
    receipt_id: Mapped[int | None] = mapped_column(
        ForeignKey("stored_files.id", ondelete="SET NULL"), index=True
    )


@pytest.fixture(params=["folder", "bucket"], autouse=True)
def place(request, app, monkeypatch):
    """Store files of a kind to which users refer, once in a folder and once in a bucket."""
    monkeypatch.setitem(registry._owners, "test", User.invited_by_id)
    return (
        app.extensions[EXTENSION]
        if request.param == "folder"
        else request.getfixturevalue("bucket")
    )


def save(content=b"hello", **values):
    return storage.save("test", BytesIO(content), most=MOST, **values)


def content_of(file, part=""):
    with storage.open_key(file.key_of(part)) as stream:
        return stream.read()


def is_there(key):
    try:
        with storage.open_key(key) as stream:
            return bool(stream.read())
    except storage.Missing:
        return False


def test_a_file_is_saved_opened_and_deleted():
    file = save(b"hello", file_name="../../Grüße.txt")
    assert (file.content_type, file.size, file.file_name) == ("text/plain", 5, "../../Grüße.txt")
    assert content_of(file) == b"hello"
    assert ".." not in file.key
    key, name = file.key, file.name
    assert storage.by_name("test", name) is file
    assert storage.drop([file]) == 1
    assert not is_there(key)
    assert storage.by_name("test", name) is None
    assert storage.by_name("test", f"../{name}") is None


def test_the_recipe_of_the_guide_stores_and_shows_a_file(app, monkeypatch):
    register, store, show = blocks_of("docs/files.md")
    Base.metadata.create_all(db.session.connection(), [Invoice.__table__])
    monkeypatch.setattr(registry, "_owners", dict(registry._owners))
    upload = FileStorage(BytesIO(b"hello"), "note.txt")
    scope = {"Invoice": Invoice, "invoice": Invoice(), "upload": upload, "db": db}
    db.session.add(scope["invoice"])
    exec(register, scope)  # noqa: S102
    exec(store, scope)  # noqa: S102
    with time_machine.travel(now() + LONG_AGO):
        assert storage.purge() == 0
    with app.test_request_context():
        exec(f"def view():\n{indent(show, '    ')}", scope)  # noqa: S102
        answer = scope["view"]()
        assert (answer.get_data(), answer.status_code) == (b"hello", 200)
    assert "note.txt" in answer.headers["Content-Disposition"]
    answer.close()
    scope["invoice"].receipt_id = None
    db.session.commit()
    with time_machine.travel(now() + LONG_AGO):
        assert storage.purge() == 1


def test_a_name_is_stored_without_what_no_database_stores():
    """IN-1: PostgreSQL refuses NUL, and no file is written in UTF-16 halves."""
    assert save(file_name="a\x00b\ud800\r\nc.txt").file_name == "abc.txt"
    assert save(file_name="x" * 999).file_name == "x" * 255


def test_a_name_does_not_turn_the_text_around_it():
    """A browser shows "photo\u202egpj.exe" as "photoexe.jpg"."""
    assert save(file_name="photo\u202egpj.exe").file_name == "photogpj.exe"


def test_renditions_are_kept_and_deleted_together():
    file = storage.save_parts("test", {"64": b"small", "128": b"larger"}, content_type="image/webp")
    assert (content_of(file, "64"), content_of(file, "128")) == (b"small", b"larger")
    assert file.size == 11
    keys = [file.key_of("64"), file.key_of("128")]
    storage.drop([file])
    assert not any(map(is_there, keys))


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "The file is empty."), (b"x" * 1025, "larger than 0.000976562 MB")]
)
def test_a_file_of_a_wrong_size_is_refused(content, words):
    with pytest.raises(storage.FileRefused, match=words):
        save(content)
    assert db.session.scalars(select(storage.StoredFile)).all() == []


def test_a_kind_that_nothing_registers_is_a_mistake():
    with pytest.raises(ValueError, match=r"register it with storage\.kind"):
        storage.save("other", BytesIO(b"x"), most=MOST)
    with pytest.raises(ConfigurationError, match="rename one"):
        storage.kind("test", owner=User.id)


def age(*stored):
    for file in stored:
        file.created_at = now() - LONG_AGO
    db.session.commit()


def test_a_file_that_belongs_to_nothing_is_deleted_after_a_day(make_user):
    used, orphan, new = save(), save(), save()
    make_user(invited_by_id=used.id)
    age(used, orphan)
    keys = [file.key for file in (used, orphan, new)]
    assert storage.purge() == 1
    assert list(map(is_there, keys)) == [True, False, True]
    assert storage.purge() == 0


def test_a_crash_between_row_and_file_leaves_a_row_that_is_found(app, place, monkeypatch):
    def crash(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(place), "put", crash)
    with pytest.raises(KeyboardInterrupt):
        save()
    monkeypatch.undo()
    (row,) = db.session.scalars(select(storage.StoredFile)).all()
    age(row)
    registry._owners["test"] = User.invited_by_id
    try:
        assert storage.purge() == 1
    finally:
        del registry._owners["test"]


def test_a_crash_while_files_are_deleted_leaves_rows_that_are_found(place, monkeypatch):
    file = save()
    age(file)

    def refuse(*_args):
        raise storage.Away("no")

    with monkeypatch.context() as patch:
        patch.setattr(type(place), "delete", refuse)
        assert storage.drop([file]) == 0
        assert storage.purge() == 0
    assert is_there(file.key)
    assert storage.purge() == 1


def test_files_of_a_feature_that_is_off_stay_while_its_rows_do(monkeypatch):
    """An erased user leaves no picture behind, although the feature of pictures is off."""
    db.session.execute(text("CREATE TABLE off (file_id INTEGER REFERENCES stored_files (id))"))
    used, erased, removed = save(), save(), save()
    db.session.execute(text("INSERT INTO off VALUES (:id)"), [{"id": used.id}, {"id": erased.id}])
    db.session.execute(text("DELETE FROM off WHERE file_id = :id"), {"id": erased.id})
    removed.kind = ""
    age(used, erased, removed)
    keys = [file.key for file in (used, erased, removed)]
    monkeypatch.delitem(registry._owners, "test")
    assert storage.purge() == 2
    assert list(map(is_there, keys)) == [True, False, False]


def test_a_kind_belongs_to_a_column_that_refers_to_stored_files():
    with pytest.raises(ConfigurationError, match="foreign key"):
        storage.kind("another", owner=User.id)


def test_many_orphans_are_deleted_in_batches(monkeypatch):
    age(*[save() for _ in range(5)])
    monkeypatch.setattr("app.kit.storage.orphans.AT_ONCE", 2)
    assert storage.purge() == 5


def test_a_check_leaves_nothing_behind(place):
    storage.check()
    if not isinstance(place, Bucket):
        assert not [path for path in place.path.rglob("check/*/*") if path.is_file()]


# Downloads


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"<script>alert(1)</script>", False), (b"%PDF-1.7", False), (b"GIF89a/*alert(1)*/", True)],
)
def test_a_download_never_runs(app, content, shown):
    file = save(content)
    file.file_name = 'a"\r\nX: 1; Grüße.html'
    db.session.commit()
    with app.test_request_context("/"):
        answer = app.process_response(respond(file, inline=True))
        assert answer.get_data() == content
        answer.close()
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("inline" if shown else "attachment")
    assert "filename*=UTF-8''a___X_%201_%20Gr%C3%BC%C3%9Fe.html" in disposition
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.headers.getlist("Content-Security-Policy")) == 1


def test_a_file_with_a_url_of_its_own_is_cached_for_good(app):
    file = save(b"GIF89a")
    with app.test_request_context("/", method="HEAD"):
        answer = respond(file, forever=True)
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_download_of_a_lost_file_is_not_found(app, place):
    file = save()
    place.delete(file.key)
    with app.test_request_context("/"), pytest.raises(Exception, match="404"):
        respond(file)


# The folder


def test_a_folder_is_private(place):
    if isinstance(place, Bucket):
        pytest.skip("A bucket has no modes of files.")
    path = place.path / "test" / (name := save().name)[:2] / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_away(app, tmp_path, monkeypatch):
    (tmp_path / "test").write_text("a file in the place of a folder")
    monkeypatch.setitem(app.extensions, EXTENSION, Folder(tmp_path))
    with pytest.raises(storage.Away):
        save()


# The bucket


def test_a_bucket_that_does_not_answer_is_away(app, monkeypatch):
    monkeypatch.setattr("app.kit.storage.bucket.CONNECT", 0.2)
    there = Bucket("b-1", endpoint="http://127.0.0.1:9", region="x", key="k", secret="s")
    monkeypatch.setitem(app.extensions, EXTENSION, there)
    with pytest.raises(storage.Away, match="does not answer"):
        save()


def test_a_bucket_that_does_not_exist_is_away(app, s3_url, monkeypatch):
    there = Bucket("b-1", endpoint=s3_url, region="us-east-1", key="k", secret="s")
    monkeypatch.setitem(app.extensions, EXTENSION, there)
    with pytest.raises(storage.Away, match="NoSuchBucket"):
        save()


def test_a_browser_sends_a_file_to_the_bucket(place):
    upload = storage.begin_upload("test", size=5, most=MOST, file_name="a.html")
    if not isinstance(place, Bucket):
        assert upload is None
        return
    assert upload is not None
    signed = parse_qs(urlsplit(upload.url).query)["X-Amz-SignedHeaders"][0]
    assert signed == "content-length;content-type;host"
    answer = requests.put(
        upload.url, b"<svg>", headers={"Content-Type": upload.content_type}, timeout=9
    )
    assert answer.ok
    file = storage.finish_upload(upload.file)
    assert file.content_type == "text/plain"
    url = storage.download_url(file)
    assert url is not None
    answer = requests.get(url, timeout=9)
    assert answer.content == b"<svg>"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="a.html"')
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("sent", [b"", b"longer than announced"])
def test_an_upload_that_did_not_arrive_whole_is_refused(place, sent):
    if not isinstance(place, Bucket):
        pytest.skip("A folder takes no direct uploads.")
    upload = storage.begin_upload("test", size=5, most=MOST)
    assert upload is not None
    if sent:
        requests.put(upload.url, sent, headers={"Content-Type": upload.content_type}, timeout=9)
    with pytest.raises(storage.FileRefused, match="did not arrive whole"):
        storage.finish_upload(upload.file)
    assert not is_there(upload.file.key)
    with pytest.raises(storage.TooLarge):
        storage.begin_upload("test", size=MOST + 1, most=MOST)


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_sent_after_a_file_was_deleted_is_deleted_at_night(place, is_whole):
    """The URL is good for a quarter of an hour, and no row would tell of what it stored."""
    if not isinstance(place, Bucket):
        pytest.skip("A folder takes no direct uploads.")
    upload = storage.begin_upload("test", size=5, most=MOST)
    assert upload is not None
    headers = {"Content-Type": upload.content_type}
    key = upload.file.key
    if is_whole:
        requests.put(upload.url, b"<svg>", headers=headers, timeout=9)
        storage.drop([storage.finish_upload(upload.file)])
    else:
        with pytest.raises(storage.FileRefused):
            storage.finish_upload(upload.file)
    assert not is_there(key)
    (row,) = db.session.scalars(select(storage.StoredFile)).all()
    assert row.parts == []  # A backup misses no file.
    requests.put(upload.url, b"<svg>", headers=headers, timeout=9)
    assert is_there(key)
    with time_machine.travel(now() + LONG_AGO):
        assert storage.purge() == 1
    assert not is_there(key)
    assert db.session.scalars(select(storage.StoredFile)).all() == []


def test_pages_may_send_to_the_bucket_only_where_one_is_set(
    app: Flask, limiter_of_other_apps: None
):
    bucket = {"S3_BUCKET": "files-1", "S3_ENDPOINT": "https://s3.example.com"}
    policies = [
        create_app("testing", settings).test_client().get("/").headers["Content-Security-Policy"]
        for settings in ({}, bucket, {"S3_BUCKET": "files-1"})
    ]
    own, s3, amazon = (policy.partition("connect-src ")[2].partition(";")[0] for policy in policies)
    assert (own, s3) == ("'self'", "'self' https://s3.example.com")
    assert amazon == (
        "'self' https://files-1.s3.us-east-1.amazonaws.com https://files-1.s3.amazonaws.com"
    )


def test_the_library_for_buckets_is_loaded_with_the_first_file():
    source = Path(files.__file__).with_name("bucket.py").read_text()
    assert "import boto" not in source
