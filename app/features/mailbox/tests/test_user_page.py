"""The panel of mails on the page of a user."""

from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import Permission
from app.services import users
from tests.factories import make_role


def test_the_page_of_a_user_shows_their_mails(client, admin, make_user):
    user = make_user()
    users.suspend(user, by=admin)
    row = db.session.scalars(select(EmailMessage)).one()
    client.enter(admin)
    page = client.get(f"/admin/user/{user.id}").text
    assert "Account suspended" in page
    assert f'href="/admin/emails/{row.id}"' in page


def test_an_administrator_who_may_not_see_mails_gets_no_link_to_them(client, admin, make_user):
    user = make_user()
    users.suspend(user, by=admin)
    manager = make_user(email="manager@example.com")
    manager.role = make_role("Manager", int(Permission.GENERAL | Permission.MANAGE_USERS))
    db.session.commit()
    client.enter(manager)
    page = client.get(f"/admin/user/{user.id}").text
    assert "Account suspended" in page
    assert "/admin/emails" not in page
