"""A sign-in from a new device or network sends a mail, once an hour, and not the first time."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from app.extensions import db
from app.features.new_devices.sign_ins import EXAMINED, network_of
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from tests.support import links

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NEWER_FIREFOX = FIREFOX.replace("145", "151")
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
)
HOME, NEIGHBOUR, AWAY = "198.51.100.7", "198.51.100.200", "203.0.113.9"


@pytest.fixture
def sign_in(app):
    def sign_in(user, device=FIREFOX, address=HOME):
        browser = app.test_client()
        browser.environ_base |= {"HTTP_USER_AGENT": device, "REMOTE_ADDR": address}
        browser.sign_in(user.email)
        return browser

    return sign_in


@pytest.fixture
def user(make_user, sign_in):
    """Return a user who has signed in at home with Firefox."""
    user = make_user()
    sign_in(user)
    return user


def mails():
    rows = select(EmailMessage).where(EmailMessage.message == "new_device")
    return db.session.scalars(rows.order_by(EmailMessage.id)).all()


def forget_mails():
    db.session.execute(update(EmailMessage).values(created_at=now() - timedelta(hours=2)))
    db.session.commit()


def test_the_first_sign_in_sends_nothing(user):
    assert not mails()


@pytest.mark.parametrize(
    ("device", "address"), [(FIREFOX, HOME), (NEWER_FIREFOX, HOME), (FIREFOX, NEIGHBOUR)]
)
def test_a_known_device_in_a_known_network_sends_nothing(user, sign_in, device, address):
    sign_in(user, device, address)
    assert not mails()


@pytest.mark.parametrize(
    ("device", "address"), [(SAFARI, HOME), (FIREFOX, AWAY), (SAFARI, AWAY), ("", HOME)]
)
def test_a_new_device_or_network_sends_one_mail(user, sign_in, device, address):
    sign_in(user, device, address)
    [mail] = mails()
    assert mail.recipient == user.email
    assert mail.context["address"] == address
    forget_mails()
    sign_in(user, device, address)
    assert len(mails()) == 1


def test_the_mail_says_what_it_was_and_what_to_do(user, sign_in, outbox):
    sign_in(user, SAFARI, AWAY)
    text = outbox.last_text()
    assert "Safari on iPhone" in text
    assert AWAY in text
    assert "UTC" in text
    assert [link.rpartition("/account/")[2] for link in links(text)][:2] == [
        "reset-password",
        "manage/devices",
    ]


def test_the_worker_is_notified(user, sign_in, redis):
    redis.flushdb()
    sign_in(user, SAFARI)
    assert redis.keys("*queue*")


def test_a_user_gets_one_mail_an_hour(user, sign_in):
    sign_in(user, SAFARI)
    sign_in(user, FIREFOX, AWAY)
    assert len(mails()) == 1
    forget_mails()
    sign_in(user, FIREFOX, "192.0.2.1")
    assert len(mails()) == 2


def test_a_device_and_a_network_are_known_on_their_own(user, sign_in):
    sign_in(user, SAFARI, AWAY)
    forget_mails()
    sign_in(user, SAFARI, HOME)
    sign_in(user, FIREFOX, AWAY)
    assert len(mails()) == 1


def test_sign_ins_of_other_users_do_not_make_a_device_known(user, sign_in, make_user):
    sign_in(make_user(), SAFARI)
    sign_in(user, SAFARI)
    assert len(mails()) == 1


def test_a_failed_sign_in_makes_no_device_known(app, user, sign_in):
    browser = app.test_client()
    browser.environ_base |= {"HTTP_USER_AGENT": SAFARI}
    assert (
        browser.submit("/account/login", {"email": user.email, "password": "x"}).status_code == 200
    )
    assert not mails()
    sign_in(user, SAFARI)
    assert len(mails()) == 1


def test_an_account_whose_events_are_gone_gets_a_mail(make_user, sign_in):
    sign_in(make_user(last_seen_at=now() - timedelta(days=800)))
    assert len(mails()) == 1


def test_an_unconfirmed_account_gets_none(make_user, sign_in):
    user = make_user(confirmed=False)
    sign_in(user)
    sign_in(user, SAFARI)
    assert not mails()


def test_the_look_back_is_one_bounded_query(user, sign_in):
    statements = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2:4]))
    sign_in(user)
    looks = [
        one for one in statements if re.match("SELECT.*anon_1.*audit_events", one[0], re.DOTALL)
    ]
    assert len(looks) == 1
    assert EXAMINED in tuple(looks[0][1].values() if isinstance(looks[0][1], dict) else looks[0][1])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100"),
        ("::ffff:198.51.100.7", "198.51.100"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::3", "2001:db8:1::/48"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_network_is_wider_than_an_address(address, network):
    assert network_of(address) == network


def test_a_hostile_header_is_shown_by_a_name_of_ours(user, sign_in, outbox):
    sign_in(user, "<script>alert(1)</script> Firefox/1 X11" + "x" * 5000)
    assert "Firefox on Linux" not in [mail.context["device"] for mail in mails()]
    sign_in(user, "<b>{{7*7}}</b>" * 100, AWAY)
    assert "<b>" not in outbox.last_text()
