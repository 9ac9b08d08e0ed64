"""No mail to an unconfirmed email contains text of a stranger."""

import pytest
from sqlalchemy import select
from wtforms import StringField

from app.extensions import db
from app.kit import features, name_rule
from app.kit.mail.registry import MESSAGES, Cancelled
from app.kit.name_rule import holds_link, is_name
from app.kit.web.forms import BaseForm
from app.kit.web.forms.user_fields import Name
from app.models import User
from tests.emails import samples
from tests.support import PASSWORD

APP = features.FOLDER.parent
WORDS = "Zanzibar"
REAL = [
    *("J.R.R. Tolkien", "J.R.R.Tolkien", "St. John", "O'Neil", "Anne-Marie", "Dr. No", "Ph.D."),
    *(
        "Kumar a/l Raman",
        "Sammy Davis Jr.",
        "van 't Hoff",
        "D'Arcy",
        "Łukasz",
        "M. Night",
        "王小明",
    ),
    *(
        "ดร.สมชาย",
        "María José",
        "X Æ A-12",
        "Mac-Donald",
        "Zoë",
        "",
        "S. van Dyke",
        "Nguyễn Văn A.",
    ),
]
LINKS = [
    *(
        "http://evil.example",
        "https:evil",
        "see evil.com",
        "evil.com/pay",
        "www.evil",
        "t.co",
        "x.com",
    ),
    *(
        "HTTP://X",
        "ftp://x",
        "Evil.Com",
        "EVIL．COM",
        "evil。com",
        "evil\u2024com",
        "ｅｖｉｌ.ｃｏｍ",
    ),
    *(
        "evil.\u200bcom",
        "evil\u200b.com",
        "пример.рф",
        "evil.xn--p1ai",
        "mallory@evil.com",
        "St.John",
    ),
    *("mailto:x", "tel:+123", "\\\\server\\share", "win at bit.ly now", "a-b.co.uk", "bücher.de"),
]


@pytest.mark.parametrize("name", REAL)
def test_real_names_hold_no_link(name):
    assert is_name(name)
    assert not holds_link(name)


@pytest.mark.parametrize("name", LINKS)
def test_a_text_that_mail_programs_link_is_no_name(name):
    """XS-5"""
    assert holds_link(name)


@pytest.mark.parametrize("name", LINKS)
def test_nobody_registers_under_a_web_address(client, name):
    data = {"first_name": "Ada", "last_name": name, "email": "a@example.com"}
    data |= {"password": PASSWORD, "password2": PASSWORD}
    page = client.submit("/account/register", data)
    assert page.status_code == 200
    assert "cannot contain a URL" in page.text or "invisible" in page.text
    assert User.by_email("a@example.com") is None


def forms(of=BaseForm):
    for form in of.__subclasses__():
        yield form
        yield from forms(form)


def test_every_form_with_a_name_has_the_rule(app):
    """New forms fail here until they have the rule."""
    fields = [
        getattr(form, name)
        for form in forms()
        for name in ("first_name", "last_name")
        if hasattr(form, name) and issubclass(getattr(form, name).field_class, StringField)
    ]
    folders = (APP / "account", APP / "admin", *features.folders())
    written = [
        (folder / "forms.py").read_text() for folder in folders if (folder / "forms.py").exists()
    ]
    assert len(fields) >= sum(text.count("_name = name_field(") for text in written)
    for field in fields:
        assert any(isinstance(one, Name) for one in field.kwargs["validators"])


def test_no_mail_names_a_user_whose_address_nobody_has_confirmed(app):
    """Every kind of mail, with a name that a stranger chose."""
    ada, bob = samples.make_people()
    bob.first_name = ada.first_name = WORDS
    everyone = db.session.scalars(select(User)).all()
    for user in everyone:
        user.first_name, user.confirmed = WORDS, False
    db.session.commit()
    for kind, sender in samples.senders(ada, bob).items():
        if kind == "invite":  # Mails name the inviter, who is no stranger.
            bob.first_name, ada.first_name = WORDS, "Inviter"
            db.session.commit()
        try:
            mail = samples.show(sender)
        except Cancelled:  # It goes to confirmed users only.
            continue
        assert WORDS not in mail.text, kind
        assert WORDS not in mail.html, kind
        assert WORDS not in mail.subject, kind
        bob.first_name = ada.first_name = WORDS
    assert {*samples.senders(ada, bob)} == {*MESSAGES}


def test_the_mail_to_a_new_address_names_nobody(app):
    """A confirmed user can request any email, and so have a mail sent to it."""
    ada, bob = samples.make_people()
    ada.first_name = WORDS
    db.session.commit()
    mail = samples.show(samples.senders(ada, bob)["change_email"])
    assert mail.recipient != ada.email
    assert WORDS not in mail.text + mail.html
    mail = samples.show(samples.senders(ada, bob)["password_changed"])
    assert WORDS in mail.text
    assert WORDS in mail.html


@pytest.mark.parametrize("letters", ["a", "a.", "www", "é", "-", "\\", "\u200b"])
def test_a_long_name_costs_no_more_than_a_short_one(letters, monkeypatch):
    """The test counts work, not time: the length of examined names is bounded."""
    examined = []

    class Pattern:
        def search(self, text):
            examined.append(len(text))

    monkeypatch.setattr(name_rule, "_LINK", Pattern())
    for length in (10_000, 20_000):
        holds_link(letters * length)
    assert examined[0] == examined[1] <= 4 * 64 * 18
