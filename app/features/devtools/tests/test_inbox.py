"""Test the development pages: the inbox, the patterns, and live reload."""

import logging
import stat

import pytest

from app import create_app, emails
from app.extensions import db
from app.kit import assets
from app.kit.mail import files as mail_files
from app.kit.mail import outbox
from app.kit.mail.composing import compose
from app.kit.mail.transport import FileTransport
from tests.support import PASSWORD, links, path_of


@pytest.fixture(autouse=True)
def files(app, tmp_path, monkeypatch):
    """Store mails in a folder of this test."""
    monkeypatch.setattr(app, "instance_path", str(tmp_path))
    monkeypatch.setitem(app.config, "MAIL_TRANSPORT", "files")
    return tmp_path / "mail"


@pytest.fixture
def send(make_user):
    def send_one(**values):
        user = make_user(confirmed=False, **values)
        outbox.commit_and_notify(emails.send_confirm(user))
        outbox.sweep(include_new=True)
        return user

    return send_one


def newest(files):
    return mail_files.stored(files)[0].name


def test_an_empty_inbox_says_what_will_be_in_it(client):
    assert "No mail yet" in client.get("/dev/mail").text


def test_mails_are_listed_newest_first(client, send):
    send(email="first@example.com")
    send(email="second@example.com")
    page = client.get("/dev/mail").text

    assert page.index("second@example.com") < page.index("first@example.com")


def test_the_link_of_a_mail_can_be_followed(client, send, files):
    user = send(first_name="<script>alert(1)</script>")
    page = client.get(f"/dev/mail/{newest(files)}")
    html = client.get(f"/dev/mail/{newest(files)}/html").text
    link = next(link for link in links(page.text) if "confirm-account" in link)

    assert "<script>alert" not in page.text + html
    assert link in html
    client.submit(path_of(link), {"password": PASSWORD})
    db.session.refresh(user)
    assert user.confirmed


def test_the_mail_as_html_can_do_nothing_but_be_looked_at(client, send, files):
    send()
    response = client.get(f"/dev/mail/{newest(files)}/html")
    policy = response.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "script-src" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert 'sandbox="' in client.get(f"/dev/mail/{newest(files)}").text


@pytest.mark.parametrize(
    "name",
    [
        "missing.eml",
        "../secret_key",
        "..%2Fsecret_key",
        "%2Fetc%2Fpasswd",
        "20310101T000000000000-00000000.eml",
        "99999999T999999999999-00000000.eml",
        "20310101T000000000000-00000000.eml%00",
        "20310101T000000000000-00000000.eml%0A",
    ],
)
def test_only_names_of_mails_are_opened(client, files, name):
    files.mkdir()
    (files.parent / "secret_key").write_text("secret")

    for path in (f"/dev/mail/{name}", f"/dev/mail/{name}/html"):
        response = client.get(path)
        assert response.status_code == 404
        assert "secret" not in response.text.replace("secret_key", "")


def test_all_mails_are_deleted_by_a_form_only(client, send, files):
    send()
    assert client.get("/dev/mail/clear").status_code in (404, 405)
    assert client.post("/dev/mail/clear").status_code == 400
    assert len(mail_files.stored(files)) == 1
    client.submit("/dev/mail/clear", form_at="/account/login")
    assert mail_files.stored(files) == []


def test_stored_mails_are_private_and_few(app, files, monkeypatch):
    monkeypatch.setattr(mail_files, "KEPT", 3)
    transport = FileTransport(files)
    for number in range(5):
        transport.send(
            compose(
                recipient="a@example.com",
                subject=str(number),
                text="",
                html="",
                message_id=f"<{number}@localhost>",
            )
        )
    kept = mail_files.stored(files)

    assert [
        b"Subject: %d\r\n" % n in path.read_bytes() for n, path in zip((4, 3, 2), kept, strict=True)
    ]
    assert len(list(files.iterdir())) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(files.stat().st_mode) == 0o700


def test_every_pattern_is_shown(client):
    response = client.get("/dev/patterns")

    assert response.status_code == 200
    assert "Patterns" in response.text


def test_an_open_page_learns_that_it_is_out_of_date(client):
    version = client.get("/dev/version")

    assert set(version.json) == {"pages", "styles"}
    assert version.headers["Cache-Control"] == "no-store"


def test_a_page_is_out_of_date_with_its_template_and_not_when_tests_run(
    client, tmp_path, monkeypatch
):
    feature = tmp_path / "feature"
    monkeypatch.setattr(assets, "FEATURES", (feature,))
    feature.mkdir()
    fresh = client.get("/dev/version").json["pages"]
    for name in ("tests/test_it.py", "__pycache__/it.pyc", "pages/__pycache__/it.pyc"):
        (feature / name).parent.mkdir(parents=True)
        (feature / name).touch()
    assert client.get("/dev/version").json["pages"] == fresh

    (feature / "pages/it.html").touch()
    assert client.get("/dev/version").json["pages"] != fresh


def test_links_that_lead_nowhere_or_in_a_circle_are_no_error(client, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "FEATURES", (tmp_path,))
    fresh = client.get("/dev/version").json["pages"]
    (tmp_path / ".#it.html").symlink_to("ada@example.com.1234:5678")  # Emacs' lock of a file
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    assert client.get("/dev/version").json["pages"] == fresh


PRODUCTION = {
    "SECRET_KEY": "dN3v0yq8Yk4cJm1XGzT7uWb2sRhEoP5aLfKiQtVw9xC6ZjDpUe",
    "APP_URL": "https://app.example.com",
    "ADMIN_PASSWORD": "correct horse battery staple",
    "SSL_DISABLE": "True",
    "DATABASE_URL": "sqlite://",
    "DEV_PAGES": "True",
}


@pytest.fixture
def log_settings():
    """Restore the logging that creating another app changes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("name", ["production", "heroku", "unix"])
def test_production_has_none_of_it_also_when_asked(name, monkeypatch, log_settings):
    for variable, value in PRODUCTION.items():
        monkeypatch.setenv(variable, value)
    app = create_app(name, {"DEV_PAGES": True, "RATELIMIT_STORAGE_URI": "memory://"})

    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("dev.")]


def test_a_page_that_was_registered_all_the_same_is_not_found(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "PRODUCTION", True)

    assert "dev" in app.blueprints
    assert client.get("/dev/mail").status_code == 404
