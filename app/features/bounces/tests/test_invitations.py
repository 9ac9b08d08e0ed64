"""Invitations to addresses that get no mail say so."""

from sqlalchemy import select

from app.extensions import db
from app.features.bounces.models import Reason, SuppressedAddress
from app.kit.mail.email_message import EmailMessage, EmailState
from app.models import Role, User
from tests import mails
from tests.support import module_of, needs

pages = module_of("invitations", "invitation_pages")
pytestmark = needs("invitations")

ADA = "ada@example.com"
SENTENCE = "Earlier mail to this address came back."


def invite(browser):
    role = db.session.scalars(select(Role.id).order_by(Role.id)).first()
    form = {"first_name": "Ada", "last_name": "Lovelace", "email": ADA, "role": str(role)}
    answer = browser.submit("/admin/invite-user", form, follow_redirects=True)
    db.session.expire_all()
    return answer


def state():
    return pages.pending([User.by_email(ADA)])[0]


def test_an_invitation_that_no_mail_reaches_says_so(client, admin):
    """It said "Not sent yet" for ever."""
    row = SuppressedAddress(email=ADA, reason=Reason.BOUNCED)
    db.session.add(row)
    db.session.commit()
    client.enter(admin)
    answer = invite(client)
    assert f"{ADA} is invited, but gets no mail: earlier mail to this address came back" in (
        answer.text
    )
    assert "is on its way" not in answer.text
    mail = db.session.scalars(select(EmailMessage).order_by(EmailMessage.id.desc())).first()
    assert mails.deliver(mail.id) == EmailState.CANCELLED
    db.session.expire_all()
    assert state().link == "stopped"
    page = client.get("/admin/invitations").text
    assert "No mail goes there" in page
    assert SENTENCE in page
    assert "Not sent yet" not in page

    user = User.by_email(ADA)
    resent = client.submit(
        f"/admin/user/{user.id}/resend-invite",
        form_at=f"/admin/user/{user.id}",
        follow_redirects=True,
    )
    assert "but gets no mail" in resent.text

    db.session.delete(row)  # An administrator allows mail again, and the mail stays cancelled.
    db.session.commit()
    for mail in db.session.scalars(select(EmailMessage).where(EmailMessage.message == "invite")):
        mail.state = EmailState.CANCELLED
    db.session.commit()
    assert state().link == "failed"
    assert SENTENCE not in client.get("/admin/invitations").text


def test_a_copied_link_needs_no_mail(client, admin):
    db.session.add(SuppressedAddress(email=ADA, reason=Reason.STOPPED))
    db.session.commit()
    client.enter(admin)
    invite(client)
    user = User.by_email(ADA)
    client.submit(f"/admin/user/{user.id}/copy-invite-link", {"known": ""})
    db.session.expire_all()
    assert (state().link, state().is_copied) == ("open", True)
    page = client.get("/admin/invitations").text
    assert "Copied, expires" in page
    assert "An administrator stopped mail" not in page
