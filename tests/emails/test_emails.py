"""Rules for every mail, and the conditions under which a mail is cancelled."""

import re
from html.parser import HTMLParser

import pytest
from flask import current_app

from app import emails
from app.email import send_email
from app.extensions import db
from app.kit.database import now
from app.kit.mail import rendering
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import MESSAGES, Cancelled
from tests.emails import samples
from tests.routes import rows
from tests.support import links

WITH_TOKEN = set(rows("LINKS"))


class Seen(HTMLParser):
    """The visible text of HTML, and its elements."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags, self.hidden = "", [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.hidden += tag == "style"

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        self.text += "" if self.hidden else data


@pytest.fixture
def people(app):
    return samples.make_people()


@pytest.fixture
def mails(people):
    return {name: samples.show(sender) for name, sender in samples.senders(*people).items()}


def test_a_mail_is_complete(mails):
    for name, mail in mails.items():
        seen = Seen(mail.html)

        assert mail.subject.startswith("[Example App] "), name
        assert len(mail.subject) > len("[Example App] ") + 5, name
        for whole in (mail.text, seen.text):
            assert MESSAGES[name].reason in " ".join(whole.split()), name
            assert f"Sent to {mail.recipient}" in " ".join(whole.split()), name
            assert "{{" not in whole, name
            assert "None" not in whole, name
        assert not {"script", "img", "form", "iframe", "link"} & {tag for tag, _ in seen.tags}, name


def test_a_name_is_shown_as_typed(mails):
    typed = 'Ada <b> O\'Łovelace & "Co"'
    for name in {*MESSAGES} - {"confirm", "change_email"}:
        mail = mails[name]

        assert "<b>" not in mail.html, name
        assert typed in mail.text, name
        assert typed in " ".join(Seen(mail.html).text.split()), name


def test_every_link_is_in_both_forms_and_leads_to_this_app(mails):
    for name, mail in mails.items():
        in_html = {attrs["href"] for tag, attrs in Seen(mail.html).tags if tag == "a"}

        assert in_html == {link.rstrip(".") for link in links(mail.text)}, name
        assert all(link.startswith("http://localhost") for link in in_html), name
        assert (name in WITH_TOKEN) == bool(samples.TOKEN.search(mail.text)), name


def test_the_link_stands_beside_the_button_to_copy(mails):
    for name in WITH_TOKEN:
        link = next(link for link in links(mails[name].text) if samples.TOKEN.search(link))

        assert mails[name].html.count(f'href="{link}"') == 2, name
        assert f">{link}</a>" in mails[name].html, name


class Built(HTMLParser):
    """The links and tables of a mail, each with the style of the elements around it.

    Outlook's "if mso" is a comment for other programs; with `word`, its content counts as HTML.
    """

    def __init__(self, html, *, word=False):
        super().__init__()
        self.open, self.found = [], []
        if word:
            html = re.sub(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", r"\1", html, flags=re.DOTALL)
        self.feed(html)
        assert not self.open, "an element that is opened and not closed"

    def handle_starttag(self, tag, attrs):
        if tag not in {"table", "td", "a"}:
            return
        attrs = dict(attrs)
        attrs["style"] = dict(
            [part.strip() for part in rule.split(":", 1)]
            for rule in attrs.get("style", "").split(";")
            if ":" in rule
        )
        self.found.append((tag, attrs, list(self.open)))
        self.open.append((tag, attrs))

    def handle_endtag(self, tag):
        if tag in {"table", "td", "a"}:
            assert self.open.pop()[0] == tag


def test_a_button_keeps_its_padding_in_outlook(mails):
    """Word drops the padding of a link and reads mso-padding-alt of the surrounding cell."""
    for name, mail in mails.items():
        for tag, attrs, around in Built(mail.html, word=True).found:
            if tag != "a" or "padding" not in attrs["style"]:
                continue
            parent, cell = around[-1]
            assert parent == "td", name
            assert cell["style"]["mso-padding-alt"] == attrs["style"]["padding"], name
            assert cell["bgcolor"] == attrs["style"]["background-color"], name


def test_a_mail_has_a_fixed_width_in_outlook(mails):
    """Word ignores max-width, so a table of that width surrounds the mail in its comments."""
    for name, mail in mails.items():
        limited = 0
        for kind, attrs, around in Built(mail.html, word=True).found:
            if limit := attrs["style"].get("max-width"):
                limited += 1
                width = limit.removesuffix("px")
                assert [each["width"] for _tag, each in around[-2:]] == [width, width], name
                assert around[-2][0] == "table", name
            # Word ignores the margins of tables, too.
            assert kind != "table" or not {"margin", "padding"} & set(attrs["style"]), name
        assert limited == 1, name
        # Other programs do not see that table, so the mail fits on a phone.
        seen = Built(mail.html).found
        assert not any(attrs.get("width") == "600" for _, attrs, _ in seen), name


def test_a_mail_of_each_message_is_tried(mails):
    assert set(mails) == set(MESSAGES)


def test_the_mails_with_a_link_to_follow_have_a_button(mails):
    with_button = {
        name
        for name, mail in mails.items()
        if any(
            tag == "a" and "padding" in attrs["style"] for tag, attrs, _ in Built(mail.html).found
        )
    }
    assert with_button >= WITH_TOKEN


@pytest.mark.parametrize("name", ["{{ 7*7 }}", "{% raw %}", "{{ config }}", "${7*7}", "%s"])
def test_a_name_is_no_template(people, name):
    ada, _ = people
    ada.first_name = name
    mail = rendering.render(_flushed(emails.send_password_changed(ada)))

    assert f"Hello {name} " in mail.text


def test_a_row_holds_no_link(people):
    for sender in samples.senders(*people).values():
        samples.show(sender)
    db.session.flush()
    for row in db.session.query(EmailMessage):
        kept = f"{row.context} {row.subject} {row.last_error}"
        assert not samples.TOKEN.search(kept)
        assert current_app.config["APP_URL"] not in kept


def _flushed(row):
    db.session.flush()
    return row


def _confirmed(ada, bob):
    row = emails.send_confirm(ada)
    ada.confirmed = True
    return row


def _moved(ada, bob):
    row = emails.send_confirm(ada)
    ada.email = "elsewhere@example.com"
    return row


def _no_longer_wanted(ada, bob):
    row = emails.send_change_email(ada, "ada@new.example.com")
    ada.pending_email = None
    return row


def _suspended(ada, bob):
    row = emails.send_reset_password(ada.email)
    ada.suspended_at = now()
    return row


def _unknown(ada, bob):
    return emails.send_reset_password("nobody@example.com")


def _unknown_owner(ada, bob):
    return emails.send_already_registered("nobody@example.com")


def _deleted(ada, bob):
    row = emails.send_password_changed(bob)
    db.session.flush()
    db.session.delete(bob)
    db.session.flush()
    db.session.expire(row)
    return row


def _only_invited(send):
    """Return what writes a mail on the account of somebody who has none yet."""

    def write(ada, bob):
        ada.invited_at, ada.password_hash = now(), None
        return send(ada)

    return write


@pytest.mark.parametrize(
    "prepare",
    [
        *map(_only_invited, (emails.send_account_suspended, emails.send_account_reactivated)),
        _confirmed,
        _moved,
        _no_longer_wanted,
        _suspended,
        _unknown,
        _unknown_owner,
        _deleted,
    ],
)
def test_a_mail_that_has_lost_its_purpose_is_cancelled(people, prepare):
    row = _flushed(prepare(*people))

    with pytest.raises(Cancelled):
        rendering.render(row)


@pytest.mark.parametrize("kind", sorted({"reset_password", "invite"} & {*MESSAGES}))
def test_only_the_newest_link_of_a_kind_is_sent(people, kind):
    send = samples.senders(*people)[kind]
    first, second, third = (_flushed(send()) for _ in range(3))
    rendering.render(second)

    with pytest.raises(Cancelled, match="newer"):
        rendering.render(first)
    rendering.render(second)
    rendering.render(third)
    with pytest.raises(Cancelled, match="newer"):
        rendering.render(second)


def test_a_reset_row_tells_nothing_of_whether_the_address_is_known(people):
    known = _flushed(emails.send_reset_password("ada@example.com"))
    unknown = _flushed(emails.send_reset_password("nobody@example.com"))

    def told(row):
        return (row.message, row.user_id, row.context, row.state, row.subject)

    assert told(known) == told(unknown)


def test_a_clone_sends_mails_of_its_own(app, people, outbox, tmp_path, monkeypatch):
    ada, _ = people
    (tmp_path / "news.txt").write_text("Dear {{ user.first_name }}: {{ headline }}")
    (tmp_path / "news.html").write_text("<p>Dear {{ user.first_name }}: {{ headline }}</p>")
    monkeypatch.setattr(
        app.jinja_loader, "searchpath", [*app.jinja_loader.searchpath, str(tmp_path)]
    )

    row = send_email("ada@example.com", "News", "news", user=ada, headline="5 < 6")

    (mail,) = outbox.deliver()
    assert row.context["values"]["user"] == {"user_id": ada.id}
    assert mail["Subject"] == "[Example App] News"
    assert mail.get_body(("plain",)).get_content().strip() == "Dear Ada <b>: 5 < 6"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Dear Ada &lt;b&gt;: 5 &lt; 6</p>"
