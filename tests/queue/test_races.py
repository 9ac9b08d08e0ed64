"""Concurrent workers send a mail once, and repeated requests do not send more mails."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.emails import send_reset_password
from app.extensions import db
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import User
from app.services import mailed_links, password_reset
from tests import mails
from tests.queue.support import states

AT_ONCE = 12


@pytest.fixture
def at_once(web):
    """Return a function that calls another in many threads, and returns their results."""
    web.config["REDIS_URL"] = ""

    def call(function, count=AT_ONCE):
        def in_context(_number):
            with web.app_context():
                return function()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(in_context, range(count)))

    return call


def test_many_workers_send_a_mail_once(at_once, web):
    db.session.add(User(email="ada@example.com", first_name="Ada", last_name="L"))
    row = send_reset_password("ada@example.com")
    outbox.commit_and_notify(row)
    email_id = row.id
    db.session.remove()

    results = at_once(lambda: mails.deliver(email_id))

    assert [result for result in results if result is not None] == ["sent"]
    assert len(web.extensions["mail_memory"]) == 1


def test_many_requests_for_a_link_at_once_respect_the_limit(at_once, web):
    db.session.remove()

    at_once(lambda: password_reset.request_password_reset("ada@example.com"), count=4 * AT_ONCE)

    assert len(states(web)) == mailed_links.LINKS_AN_HOUR


def test_only_the_newest_of_many_links_works(at_once, web):
    db.session.add(User(email="ada@example.com", first_name="Ada", last_name="L"))
    rows = [send_reset_password("ada@example.com") for _ in range(AT_ONCE)]
    outbox.commit_and_notify(*rows)
    ids = [row.id for row in rows]
    db.session.remove()
    waiting = list(ids)

    at_once(lambda: mails.deliver(waiting.pop()))

    assert set(states(web)) <= {"sent", "cancelled"}
    with web.app_context():
        newest = db.session.scalar(select(User.reset_message_id))
        assert newest == max(ids)
        assert db.session.get(EmailMessage, newest).state == "sent"
