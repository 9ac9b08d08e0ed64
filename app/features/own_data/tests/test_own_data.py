"""Users ask for their data, get a mail, and download it once."""

import json
import zipfile
from datetime import timedelta
from importlib import import_module
from io import BytesIO

import pytest
from sqlalchemy import select

from app.extensions import db, limiter
from app.features.own_data import exports
from app.features.own_data.models import DataExport
from app.kit import slots, storage
from app.kit.clean_up import run as clean_up
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.kit.storage.backend import backend
from app.services.policy import InsufficientPrivileges

registry = import_module("app.kit.slots.own_data")  # the package has a function of that name
PAGE = "/account/manage/data"


@pytest.fixture
def user(make_user):
    return make_user(first_name="Ada", last_name="Lovelace", email="ada@example.com")


@pytest.fixture
def mine(signed_in, user):
    return signed_in(user)


def stored():
    return db.session.scalars(select(storage.StoredFile)).all()


def download(browser):
    return browser.submit(f"{PAGE}/download", {}, form_at=PAGE)


def test_the_data_is_collected_mailed_and_downloaded_once(mine, user):
    page = mine.submit(PAGE, {}, form_at=PAGE, follow_redirects=True).text
    assert "Your data is being collected" in page
    assert exports.collect(user.id)
    assert not exports.collect(user.id)
    (mail,) = db.session.scalars(
        select(EmailMessage).where(EmailMessage.message == "own_data_ready")
    )
    assert mail.recipient == "ada@example.com"
    assert mine.get(f"{PAGE}/download").status_code == 302
    assert "Download my data" in mine.get(PAGE).text
    answer = download(mine)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="my-data.zip"')
    assert answer.mimetype == "application/zip"
    archive = zipfile.ZipFile(BytesIO(answer.data))
    answer.close()
    assert {"account.json", "sessions.json", "mails.json", "activity.json"} <= {*archive.namelist()}
    account = json.loads(archive.read("account.json"))
    assert (account["email"], account["first_name"]) == ("ada@example.com", "Ada")
    text = "".join(archive.read(name).decode() for name in archive.namelist() if "json" in name)
    assert user.password_hash not in text
    assert "token" not in json.dumps(json.loads(archive.read("sessions.json")))
    assert "There is nothing to download now." in mine.get(download(mine).location).text


def test_an_archive_stays_while_its_place_is_away(mine, user, monkeypatch):
    """The one download is not used up by a failure of the bucket."""

    def refuse(*_args):
        raise storage.Away("the bucket does not answer")

    exports.ask(user, by=user)
    exports.collect(user.id)
    with monkeypatch.context() as away:
        away.setattr("app.kit.storage.folder.Folder.get", refuse)
        answer = download(mine)
        assert answer.status_code == 302
        assert "Try again in a minute." in mine.get(answer.location).text
    with download(mine) as answer:
        assert answer.mimetype == "application/zip"


def test_an_archive_that_was_lost_is_asked_for_again(mine, user):
    exports.ask(user, by=user)
    exports.collect(user.id)
    (file,) = stored()
    backend().delete(file.key)
    assert "Ask for your data again." in mine.get(download(mine).location).text


def test_an_archive_is_good_for_a_day(mine, user):
    exports.ask(user, by=user)
    exports.collect(user.id)
    (file,) = stored()
    key = file.key
    file.created_at = db.session.get(DataExport, user.id).ready_at = now() - timedelta(hours=25)
    db.session.commit()
    assert "Download my data" not in mine.get(PAGE).text
    assert download(mine).status_code == 302
    clean_up()
    assert stored() == []
    with pytest.raises(storage.Missing):
        storage.open_key(key)


def test_asking_again_deletes_the_former_archive(user):
    for _ in range(2):
        exports.ask(user, by=user)
        exports.collect(user.id)
    assert len(stored()) == 1


def test_an_administrator_asks_and_cannot_download(browser, signed_in, user):
    path = f"/admin/user/{user.id}/collect-data"
    assert browser.submit(path, {}, form_at=path).status_code == 302
    exports.collect(user.id)
    assert download(browser).status_code == 302
    assert "Download my data" in signed_in(user).get(PAGE).text


def test_nobody_asks_for_the_data_of_a_user_above_them(make_user, admin):
    with pytest.raises(InsufficientPrivileges):
        exports.ask(admin, by=make_user(role="User"))


def test_the_download_needs_the_password_again(app, mine, user, monkeypatch):
    exports.ask(user, by=user)
    exports.collect(user.id)
    monkeypatch.setitem(app.config, "REAUTHENTICATION_WINDOW", -1)
    answer = download(mine)
    assert "/account/reauthenticate" in answer.location
    assert db.session.get(DataExport, user.id).is_ready


def test_no_data_is_collected_for_a_closed_account(user):
    exports.ask(user, by=user)
    user.suspended_at = now()
    db.session.commit()
    assert not exports.collect(user.id)
    assert not exports.collect(10**6)


def test_features_add_data_and_files(user, monkeypatch):
    monkeypatch.setattr(registry, "_data", {**registry._data})
    monkeypatch.setattr(registry, "_files", [*registry._files])
    slots.own_data("empty")(lambda _user: None)
    slots.own_data("plants")(lambda _user: [{"watered": now()}])
    slots.own_files(lambda _user: [("lost.png", "picture/" + "0" * 32)])
    exports.ask(user, by=user)
    exports.collect(user.id)
    (file,) = stored()
    with storage.open_key(file.key) as stream:
        names = zipfile.ZipFile(BytesIO(stream.read())).namelist()
    assert "plants.json" in names
    assert not {"empty.json", "lost.png"} & {*names}


def test_the_limiter_counts_for_the_user_and_keeps_no_token(mine, user, monkeypatch):
    keys = []
    hit = limiter.limiter.hit
    monkeypatch.setattr(
        limiter.limiter, "hit", lambda *args, **more: keys.append(args) or hit(*args, **more)
    )
    mine.submit(PAGE, {}, form_at=PAGE)
    [key] = [one for one in keys if any("own-data-" in str(part) for part in one)]
    assert f"own-data-{user.id}" in key
