"""Test the count of mails that came back."""

from app import emails
from app.extensions import db
from app.features import health
from app.features.health.services import mail
from app.kit.database import now
from app.kit.mail.email_message import EmailState
from tests.factories import make_user


def write(**numbers: int) -> None:
    user = make_user()
    for state, number in numbers.items():
        for _ in range(number):
            row = emails.send_password_changed(user)
            row.state, row.sent_at = state, now()
    db.session.commit()


def test_a_few_returned_mails_are_counted_and_no_problem(app, client):
    assert mail.comes_back().word == "None in a day"
    write(sent=30, bounced=9, complained=2)
    check = mail.comes_back()
    assert check.ok
    assert check.word == "11 mails in a day"
    assert check in health.system()


def test_many_returned_mails_are_a_problem(app, client):
    write(sent=30, bounced=10)
    assert mail.comes_back().problem == "10 mails of the last day came back."
    write(sent=10 * 20 - 40)
    assert mail.comes_back().ok, "they are one of twenty by now"
    write(complained=3)
    check = mail.comes_back()
    assert check.problem == "3 mails of the last day were reported as spam."
    assert check in health.checks()
    assert EmailState.COMPLAINED in mail.RETURNED
