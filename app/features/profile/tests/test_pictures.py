"""A picture of oneself is uploaded, shown in the place of initials, and removed."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select

from app.emails import send_password_changed
from app.extensions import db, limiter
from app.features.profile.models import Profile
from app.features.profile.services import pictures
from app.features.profile.tests.access import give_picture
from app.features.profile.tests.files import BAD, GOOD
from app.kit import outages, storage
from app.kit.clean_up import run as clean_up
from app.kit.database import now
from app.kit.web import gatekeeper
from app.models import User
from app.services.policy import InsufficientPrivileges
from tests.support import needs

PAGE = "/account/manage/picture"
IMAGE = re.compile(r'<img src="(/pictures/[0-9a-f]{32}/(\d+)\.webp)" alt=""')


@pytest.fixture
def user(make_user):
    return make_user(first_name="Ada", last_name="Lovelace", email="ada@example.com")


@pytest.fixture
def mine(signed_in, user):
    return signed_in(user)


def send(browser, content, **fields):
    data = {"picture": (BytesIO(content), "x.png"), **fields}
    return browser.submit(PAGE, data, form_at=PAGE, follow_redirects=True)


def stored():
    return db.session.scalars(select(storage.StoredFile)).all()


def test_a_picture_is_uploaded_and_takes_the_place_of_the_initials(mine, user):
    assert ">AL</span>" in mine.get("/").text
    page = send(mine, GOOD["jpeg"], crop="0.25,1,0.5").text
    assert "Your picture is changed." in page
    assert {size for _, size in IMAGE.findall(page)} == {"64", "256"}
    url = IMAGE.search(mine.get("/").text).group(1)
    answer = mine.get(url)
    assert answer.mimetype == "image/webp"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_another_picture_has_another_url_and_the_former_file_is_gone(mine, user):
    send(mine, GOOD["png"])
    first = IMAGE.search(mine.get("/").text).group(1)
    send(mine, GOOD["webp"])
    second = IMAGE.search(mine.get("/").text).group(1)
    assert first != second
    assert mine.get(first).status_code == 404
    assert mine.get(second).status_code == 200
    assert len(stored()) == 1


@pytest.mark.parametrize("name", ["nothing", "a bomb", "svg", "a truncated jpeg", "100 megapixels"])
def test_a_hostile_file_gets_a_sentence_and_leaves_nothing(mine, name):
    page = send(mine, BAD[name])
    assert page.status_code == 200
    assert 'class="error-summary"' in page.text
    assert stored() == []


@pytest.mark.parametrize("crop", ["", "1,1", "2,0,1", "-1,0,1", "nan,0,1", "x" * 9000])
def test_another_crop_than_the_script_writes_means_the_middle(mine, crop):
    assert "Your picture is changed." in send(mine, GOOD["png"], crop=crop).text


def send_megabytes(browser, count):
    head = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x.png"\r\n\r\n'
    body = head + bytes(count * 1024 * 1024) + b"\r\n--b--\r\n"
    return browser.post(PAGE, data=body, content_type="multipart/form-data; boundary=b")


def test_a_file_over_the_limit_is_refused_from_its_length(app, mine, monkeypatch):
    assert send_megabytes(mine, 3).status_code != 413
    monkeypatch.setitem(app.config, "PICTURE_MAX_MEGABYTES", 1)
    assert send_megabytes(mine, 3).status_code == 413


def test_strangers_have_no_room_for_a_large_body(client):
    assert send_megabytes(client, 3).status_code == 413


def test_a_picture_can_be_removed(mine, user):
    send(mine, GOOD["png"])
    page = mine.submit(f"{PAGE}/remove", {}, form_at=PAGE, follow_redirects=True).text
    assert "Your picture is removed." in page
    assert not IMAGE.search(page)
    assert stored() == []
    again = mine.submit(f"{PAGE}/remove", {}, form_at=PAGE, follow_redirects=True).text
    assert "You have no picture." in again


def test_visitors_and_odd_names_get_no_picture(mine, user, client):
    send(mine, GOOD["png"])
    url = IMAGE.search(mine.get("/").text).group(1)
    assert client.get(url).status_code == 404
    for odd in ("/pictures/x/64.webp", url.replace("/64", "/65"), "/pictures/%00/64.webp"):
        assert mine.get(odd).status_code == 404


def test_pictures_are_shown_in_lists_with_one_query(admin, browser, make_user, statements):
    counts = []
    for _ in range(2):
        for _ in range(3):
            give_picture(make_user())
        statements.clear()
        page = browser.get("/admin/users").text
        counts.append((len(IMAGE.findall(page)), len(statements)))
    assert counts[0][0] == 3
    assert counts[1] == (6, counts[0][1])
    assert IMAGE.search(browser.get("/admin/").text)


def test_the_page_of_a_user_shows_the_picture_and_administrators_remove_it(browser, user):
    path = f"/admin/user/{user.id}"
    assert f"{path}/remove-picture" not in browser.get(path).text
    give_picture(user)
    page = browser.get(path).text
    assert IMAGE.search(page).group(2) == "128"
    assert f'href="{path}/remove-picture"' in page
    answer = browser.submit(f"{path}/remove-picture", {}, form_at=f"{path}/remove-picture")
    assert answer.status_code == 302
    assert not IMAGE.search(browser.get(path).text)
    assert stored() == []


def test_nobody_removes_the_picture_of_a_user_above_them(make_user, admin):
    give_picture(admin)
    other = make_user(role="User")
    with pytest.raises(InsufficientPrivileges):
        pictures.remove(admin, by=other)


def test_a_bucket_that_is_away_gets_a_sentence(app, mine, monkeypatch):
    def refuse(*_args):
        raise storage.Away("the bucket does not answer")

    monkeypatch.setattr("app.kit.storage.folder.Folder.put", refuse)
    assert "Try again in a minute." in send(mine, GOOD["png"]).text
    assert db.session.scalars(select(Profile)).all() == []


def test_pictures_live_in_a_bucket(bucket, mine):
    send(mine, GOOD["avif"])
    url = IMAGE.search(mine.get("/").text).group(1)
    answer = mine.get(url)
    assert answer.data[:4] == b"RIFF"
    answer.close()


def test_gravatar_is_asked_only_where_it_is_switched_on(app, mine, monkeypatch, make_user, browser):
    page = browser.get("/admin/users")
    assert "gravatar" not in page.text + page.headers["Content-Security-Policy"]
    monkeypatch.setitem(app.config, "GRAVATAR", True)
    page = browser.get("/admin/users").text
    digest = "fd876f8cd6a58277fc664d47ea10ad19"
    assert f"https://gravatar.com/avatar/{digest}" not in page
    assert page.count("https://gravatar.com/avatar/") >= 2
    assert "?s=64&amp;d=mp" in page


@needs("deletion")
def test_an_erased_user_leaves_no_file(app, user):
    give_picture(user)
    (file,) = stored()
    key, user_id = file.key_of("64"), user.id
    file.created_at = user.deleted_at = now() - timedelta(days=400)
    db.session.commit()
    clean_up()
    assert db.session.get(User, user_id) is None
    assert stored() == []
    with pytest.raises(storage.Missing):
        storage.open_key(key)


def test_the_limiter_counts_for_the_user_and_keeps_no_token(mine, user, monkeypatch):
    keys = []
    hit = limiter.limiter.hit
    monkeypatch.setattr(
        limiter.limiter, "hit", lambda *args, **more: keys.append(args) or hit(*args, **more)
    )
    send(mine, GOOD["png"])
    [key] = [one for one in keys if any("picture-" in str(part) for part in one)]
    assert f"picture-{user.id}" in key


def test_the_page_to_which_a_gate_leads_shows_the_picture_of_its_reader(app):
    leading = {"unconfirmed", "awaiting_approval", "must_change_password", "second_factor_missing"}
    found = [gate for gate in gatekeeper.in_order() if gate.name in leading]
    assert all(gatekeeper.skips(app, "main.picture", gate) for gate in found)


def sent(outbox, user):
    send_password_changed(user)
    db.session.commit()
    return outbox.deliver()[-1]


def test_a_mail_brings_the_picture_of_its_user_along(mine, user, outbox):
    without = sent(outbox, user).get_body(("html",)).get_content()
    assert "cid:" not in without
    assert f">{user.initials}</td>" in without
    send(mine, GOOD["png"])
    mail = sent(outbox, user)
    html = mail.get_body(("html",)).get_content()
    assert 'src="cid:picture"' in html
    assert f">{user.initials}</td>" not in html
    (picture,) = [part for part in mail.walk() if part["Content-ID"] == "<picture>"]
    assert picture.get_content_disposition() == "inline"
    with Image.open(BytesIO(picture.get_content())) as image:
        assert (image.format, image.size) == ("JPEG", (64, 64))
    assert len(picture.get_content()) < 4_000
    assert mail.get_body(("plain",)) is not None


def test_a_mail_to_another_address_shows_no_picture(mine, user, outbox):
    send(mine, GOOD["png"])
    user.confirmed = False
    db.session.commit()
    assert "cid:" not in sent(outbox, user).get_body(("html",)).get_content()


def test_a_mail_goes_out_while_the_files_are_away(mine, user, outbox):
    send(mine, GOOD["png"])
    storage.drop(stored())
    assert "cid:" not in sent(outbox, user).get_body(("html",)).get_content()


def test_a_bucket_that_is_away_holds_up_one_mail_alone(app, mine, user, outbox, monkeypatch):
    """Each mail would wait up to 20 seconds for it, also one with a reset link."""
    send(mine, GOOD["png"])
    asked = []

    def away(key):
        asked.append(key)
        raise storage.Away

    monkeypatch.setattr(storage, "open_key", away)
    try:
        for _ in range(3):
            assert "cid:" not in sent(outbox, user).get_body(("html",)).get_content()
    finally:
        app.extensions.pop(outages.OUTAGES, None)
    assert len(asked) == 1
