"""Test that the gallery shows every message with sample data of the right shape."""

import re
from dataclasses import replace

import pytest
from flask import current_app

from app import emails
from app.emails.facts import page_links
from app.extensions import db
from app.features.devtools import gallery
from app.kit.mail import rendering
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import MESSAGES
from app.models import User
from tests.emails import samples as real


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_has_a_sample_with_what_it_is_really_given(app, name):
    rows = real.senders(*real.make_people())[name]()
    row = rows[0] if isinstance(rows, list) else rows
    assert set(MESSAGES[name].sample) == set(row.context), (
        f"Write in the sample of @message what send_{name} puts into the row."
    )


def test_the_gallery_shows_every_message_with_subject_and_text(client):
    page = client.get("/dev/mail/gallery")

    assert page.status_code == 200
    for sample in gallery.every_message():
        assert sample.mail is not None, sample.problem
        assert f"<code>{sample.name}</code>" in page.text
        assert f'src="/dev/mail/gallery/{sample.name}"' in page.text
        assert sample.mail.subject in page.text
        assert MESSAGES[sample.name].reason in " ".join(sample.mail.text.split())


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_sample_is_shown_as_a_mail_that_can_do_nothing(client, name):
    response = client.get(f"/dev/mail/gallery/{name}")

    assert response.status_code == 200
    assert "Sent to ada@example.com" in response.text
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("name", ["custom", "nothing", "confirm.html", "../confirm"])
def test_an_unknown_message_is_not_found(client, name):
    assert client.get(f"/dev/mail/gallery/{name}").status_code == 404


def test_the_gallery_asks_nothing_of_the_database_and_leaves_nothing(client, statements):
    for path in ("/dev/mail/gallery", "/dev/mail/gallery/invite"):
        client.get(path)

    assert statements == []
    for model in (User, EmailMessage):
        assert db.session.query(model).count() == 0


def test_a_link_of_a_sample_is_dead(client):
    mail = gallery.find("confirm")
    link = re.search(r"http://localhost(/account/confirm-account/[^\"]+)", mail.html)[1]

    assert "does not work" in client.get(link, follow_redirects=True).text


@pytest.mark.parametrize("address", ["/dev/mail/gallery/confirm", "/dev/mail/gallery"])
def test_a_mail_is_shown_by_day_and_by_night(client, address):
    if address.endswith("gallery"):
        page = client.get(f"{address}?scheme=dark").text
        assert 'src="/dev/mail/gallery/confirm?scheme=dark"' in page
        assert 'href="?scheme=dark" aria-current="true"' in page
        return
    as_preferred, light, dark = (
        client.get(f"{address}?scheme={scheme}").text for scheme in ("", "light", "dark")
    )
    assert "@media (prefers-color-scheme: dark)" in as_preferred
    assert "light dark" in as_preferred
    for shown, rule, scheme in ((light, "not all", "light"), (dark, "all", "dark")):
        assert f"@media {rule} {{" in shown
        assert "prefers-color-scheme" not in shown
        assert f'name="color-scheme" content="{scheme}"' in shown
        assert "light dark" not in shown


def test_a_scheme_that_does_not_exist_is_left_out(client):
    page = client.get("/dev/mail/gallery?scheme=<b>")

    assert page.status_code == 200
    assert "scheme=&lt;b" not in page.text
    assert 'href="?scheme=" aria-current="true"' in page.text


def test_a_message_with_too_small_a_sample_says_so(client, monkeypatch):
    monkeypatch.setitem(MESSAGES, "role_changed", replace(MESSAGES["role_changed"], sample={}))
    less = replace(MESSAGES["confirm"], values=lambda _row: {"user": None})
    monkeypatch.setitem(MESSAGES, "confirm", less)
    page = client.get("/dev/mail/gallery")

    assert page.status_code == 200
    assert "Its sample lacks &#39;role_name&#39;" in page.text
    assert "is undefined" in page.text
    assert client.get("/dev/mail/gallery/confirm").status_code == 404


@pytest.mark.parametrize("path", ["/dev/mail/gallery", "/dev/mail/gallery/confirm"])
def test_production_has_no_gallery_also_when_asked(client, monkeypatch, path):
    monkeypatch.setitem(current_app.config, "DEV_PAGES", True)
    monkeypatch.setitem(current_app.config, "PRODUCTION", True)

    assert client.get(path).status_code == 404


def test_values_at_hand_make_the_mail_that_a_row_makes(app):
    ada, _ = real.make_people()
    row = emails.send_role_changed(ada)
    db.session.flush()
    made = rendering.render(row)

    shown = rendering.present(
        "role_changed", row.recipient, {"user": ada, "role_name": "User", **page_links()}
    )
    assert (shown.subject, shown.text, shown.html) == (made.subject, made.text, made.html)
