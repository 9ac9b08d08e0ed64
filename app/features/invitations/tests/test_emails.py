"""Test the mail of an invitation."""

import re

import pytest

from app.extensions import db
from app.features.invitations.emails import send_invite
from app.kit.mail import rendering
from app.kit.mail.registry import Cancelled
from tests.emails import samples


@pytest.fixture
def people(app):
    return samples.make_people()


def flushed(row):
    db.session.flush()
    return row


def test_the_subject_names_the_inviter_as_typed(people):
    ada, bob = people
    mail = rendering.render(flushed(send_invite(bob, invited_by=ada)))
    assert 'Ada <b> O\'Łovelace & "Co"' in mail.subject


def test_a_subject_is_one_line_whatever_is_in_a_name(people):
    ada, bob = people
    ada.first_name = "A\r\nBcc: v@example.com\x7f\x0b\u2028"
    mail = rendering.render(flushed(send_invite(bob, invited_by=ada)))

    assert mail.subject.startswith("[Example App] A Bcc: v@example.com O'")
    assert re.fullmatch(r"[^\x00-\x1f\x7f\u2028]+", mail.subject)


def test_the_mail_is_cancelled_once_the_invitation_is_accepted(people):
    _, bob = people
    row = flushed(send_invite(bob))
    bob.password = "correct horse battery staple"

    with pytest.raises(Cancelled):
        rendering.render(row)
