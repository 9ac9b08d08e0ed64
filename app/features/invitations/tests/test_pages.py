"""Test the page of pending invitations and its actions."""

import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.invitations import invitations
from app.features.invitations.invitations import LinkChanged
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, Permission, User
from app.services import users
from app.services.mailed_links import LinkRefused
from app.services.policy import InsufficientPrivileges
from tests import factories
from tests.support import PASSWORD, links, module_of, needs, path_of

editing = module_of("roles", "editing")

LIST = "/admin/invitations"
MANAGER = Permission.GENERAL | Permission.MANAGE_USERS


@pytest.fixture
def manager(make_user):
    """A user who may manage users, but is no administrator."""
    user = make_user(email="manager@example.com", first_name="Mona", last_name="Manager")
    user.role = factories.make_role("Manager", permissions=MANAGER)
    db.session.commit()
    return user


@pytest.fixture
def browser(client, manager):
    client.enter(manager)
    return client


@pytest.fixture
def invited(make_user, manager):
    user = make_user(invited=True, email="ivy@example.com", first_name="Ivy", last_name="Invited")
    user.invited_by = manager
    db.session.commit()
    return user


def copy_page(user):
    return f"/admin/user/{user.id}/copy-invite-link"


def copy(browser, user, **kwargs):
    """Open the confirmation page, submit its form, and return the response."""
    page = browser.get(copy_page(user)).text
    return browser.post(copy_page(user), data=fields(page), **kwargs)


def fields(page):
    return dict(re.findall(r'name="(csrf_token|known)"[^>]*value="([^"]*)"', page))


def shown_link(page):
    return re.search(r"<textarea[^>]*>([^<]+)</textarea>", page.text)[1]


def works(app, link):
    return app.test_client().get(path_of(link)).status_code == 200


def rows(page):
    """Return the names in the list, in order."""
    return re.findall(r'class="row-link"[^>]*>([^<]+)<', page.text)


def actions():
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


# The list


def test_it_lists_who_has_not_chosen_a_password_the_newest_first(browser, make_user, invited):
    make_user(first_name="Has", last_name="Joined")
    make_user(first_name="Is", last_name="Suspended", invited=True, suspended=True)
    make_user(first_name="Is", last_name="Deleted", invited=True, deleted_at=now())
    make_user(first_name="Came", last_name="Later", invited=True)
    page = browser.get(LIST)
    assert rows(page) == ["Came Later", "Ivy Invited"]
    assert "Mona Manager" in page.text
    assert "ivy@example.com" in page.text
    assert "just now" in page.text


def test_an_invitation_leaves_the_list_once_it_is_taken_up(browser, app, invited):
    other = app.test_client()
    link = path_of(shown_link(copy(browser, invited)))
    other.submit(link, {"password": PASSWORD, "password2": PASSWORD})
    assert rows(browser.get(LIST)) == []
    assert "No invitation is open" in browser.get(LIST).text


def test_it_is_searched_by_address_and_name(browser, make_user, invited):
    make_user(invited=True, email="other@example.org", first_name="Otto", last_name="Other")
    assert rows(browser.get(f"{LIST}?search=ivy@")) == ["Ivy Invited"]
    assert rows(browser.get(f"{LIST}?search=OTTO")) == ["Otto Other"]
    page = browser.get(f"{LIST}?search=nobody-of-that-name")
    assert rows(page) == []
    assert "No invitation matches" in page.text


@pytest.mark.parametrize("cursor", ["nonsense", "x" * 5000, "WyIiXQ", "%00", "..."])
def test_a_missing_page_is_reported(browser, invited, cursor):
    """IN-1"""
    for name in ("after", "before"):
        page = browser.get(f"{LIST}?{name}={cursor}")
        assert page.status_code == 200
        assert rows(page) == ["Ivy Invited"]


def test_it_is_read_page_by_page(browser, make_user, monkeypatch):
    monkeypatch.setattr("app.kit.tables.asked.PER_PAGE_CHOICES", (2, 50, 100))
    for number in range(5):
        make_user(invited=True, first_name=f"Number{number}", last_name="")
    seen, address = [], f"{LIST}?per_page=2"
    while address:
        page = browser.get(address)
        seen += rows(page)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = found and found[1].replace("&amp;", "&")
    assert seen == [f"Number{number}" for number in reversed(range(5))]


LINK_CELL = re.compile(r'data-label="Link"[^>]*>\s*(.*?)</td>', re.DOTALL)


def link_words(browser):
    cell = LINK_CELL.search(browser.get(LIST).text)[1]
    cell = re.sub(r'<span class="visually-hidden">.*?</span>', "", cell)
    return re.sub(r"<[^>]+>", "", cell).strip()


def test_the_state_of_the_link_is_shown(browser, manager, invited, outbox):
    assert link_words(browser) == "Not sent yet"

    invitations.resend(invited, by=manager)
    outbox.deliver()
    assert re.fullmatch(r"Expires in [67] days", link_words(browser))

    mail = db.session.scalars(select(EmailMessage)).one()
    mail.claimed_at = now() - timedelta(days=7)
    db.session.commit()
    assert link_words(browser) == "Expired"

    mail.state = "failed"
    db.session.commit()
    assert link_words(browser) == "Mail failed"

    copy(browser, invited)
    assert re.fullmatch(r"Copied, expires in [67] days", link_words(browser))


def test_it_knows_when_a_link_expires_whose_mail_is_purged(browser, manager, invited, outbox):
    invitations.resend(invited, by=manager)
    outbox.deliver()
    db.session.delete(db.session.scalars(select(EmailMessage)).one())
    db.session.commit()
    assert re.fullmatch(r"Expires in [67] days", link_words(browser))


# Resend and revoke


def test_sending_again_leads_back_to_where_it_was_asked_for(browser, invited, outbox):
    path = f"/admin/user/{invited.id}/resend-invite"
    response = browser.submit(f"{path}?next={LIST}?search=ivy", form_at=LIST)
    assert response.location == f"{LIST}?search=ivy"
    response = browser.submit(f"{path}?next=//evil.example", form_at=LIST)
    assert response.location == f"/admin/user/{invited.id}", "RE-1"
    assert actions().count("user.invitation_resent") == 2


def test_invitations_are_sent_again_a_few_times_an_hour(browser, invited, outbox):
    """BF-2: the number of mails to a user is limited, regardless of the sender."""
    for _ in range(8):
        page = browser.submit(
            f"/admin/user/{invited.id}/resend-invite", form_at=LIST, follow_redirects=True
        )
        outbox.deliver()
    assert "Too many of these mails went to ivy@example.com within an hour" in page.text
    assert len(outbox.messages) == 5


def test_revoking_leads_back_to_the_list(browser, invited):
    user_id = invited.id
    response = browser.submit(f"/admin/user/{user_id}/revoke-invite")
    assert response.location == LIST
    assert db.session.get(User, user_id) is None


# Copy a link


def test_the_link_that_is_shown_works_and_the_mailed_one_no_longer(
    browser, app, manager, invited, outbox
):
    """TK-1"""
    invitations.resend(invited, by=manager)
    mailed = next(link for link in links(outbox.last_text()) if "join" in link)
    assert works(app, mailed)
    link = shown_link(copy(browser, invited))
    assert link.startswith("http://localhost/account/join-from-invite/")
    assert works(app, link)
    assert not works(app, mailed)
    other = app.test_client()
    other.submit(path_of(link), {"password": PASSWORD, "password2": PASSWORD})
    other.sign_in(invited.email)


def test_a_mail_that_still_waits_neither_goes_nor_ends_the_link(
    browser, app, manager, invited, outbox
):
    """TK-1: the worker takes the mail only after the link was copied."""
    invitations.resend(invited, by=manager)
    link = shown_link(copy(browser, invited))
    assert outbox.deliver() == []
    assert works(app, link)


def test_a_mail_that_is_sent_later_ends_the_link(browser, app, manager, invited, outbox):
    """TK-1"""
    link = shown_link(copy(browser, invited))
    invitations.resend(invited, by=manager)
    mailed = next(link for link in links(outbox.last_text()) if "join" in link)
    assert works(app, mailed)
    assert not works(app, link)


def test_a_second_copy_ends_the_first(browser, app, invited):
    """TK-1"""
    first = shown_link(copy(browser, invited))
    second = shown_link(copy(browser, invited))
    assert works(app, second)
    assert not works(app, first)


@needs("roles")
@pytest.mark.parametrize("way", ["another role", "the role allows more"])
def test_a_copied_link_opens_no_account_above_the_administrator_who_copied_it(
    way, browser, app, admin, manager, invited, outbox
):
    """Only the invited user receives the mailed link, so it keeps working."""
    role = factories.make_role("Guest")
    users.change_role(invited, role=role, by=admin)
    link = shown_link(copy(browser, invited))
    editing.change(role, replace(editing.values_of(role), name="Visitor"), by=admin)
    assert works(app, link), "the name of a role lets nobody do more"
    if way == "another role":
        users.change_role(invited, role=admin.role, by=admin)
    else:
        bits = Permission.GENERAL | Permission.VIEW_AUDIT
        editing.change(role, replace(editing.values_of(role), permissions=bits), by=admin)
    assert not works(app, link)
    with pytest.raises(LinkRefused):
        invitations.accept(invited.id, link.rpartition("/")[2], PASSWORD)
    invitations.resend(invited, by=admin)
    assert works(app, next(link for link in links(outbox.last_text()) if "join" in link))


def test_the_link_is_shown_once(browser, app, invited):
    """TK-7: neither a reload, which submits the form again, nor a double click shows it again."""
    sent = fields(browser.get(copy_page(invited)).text)
    link = shown_link(browser.post(copy_page(invited), data=sent))
    again = browser.post(copy_page(invited), data=sent)
    assert again.location == LIST
    page = browser.get(again.location)
    assert "A newer link to Ivy Invited was made" in page.text
    assert "join-from-invite" not in page.text
    assert works(app, link), "the first is not ended by it"
    assert actions().count("user.invitation_link_copied") == 1


def test_the_link_is_written_down_nowhere(browser, invited, caplog):
    """TK-6, TK-7"""
    caplog.set_level(logging.DEBUG)
    response = copy(browser, invited)
    token = shown_link(response).rsplit("/", 1)[1]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert f'data-clean-url="{LIST}"' in response.text
    assert "Location" not in response.headers
    with browser.session_transaction() as session:
        assert token not in repr(dict(session))
    for part in token.split("."):
        assert part not in caplog.text
        for table in db.metadata.sorted_tables:
            assert part not in repr(db.session.execute(select(table)).all()), table.name


def test_looking_at_the_page_that_asks_makes_no_link(browser, manager, invited, app, outbox):
    """TK-5"""
    invitations.resend(invited, by=manager)
    mailed = next(link for link in links(outbox.last_text()) if "join" in link)
    for method in (browser.get, browser.head):
        assert method(copy_page(invited)).status_code == 200
    assert works(app, mailed)
    assert "user.invitation_link_copied" not in actions()


def test_the_password_is_asked_for_when_it_was_given_long_ago(browser, manager, invited):
    """SE-8"""
    for session in db.session.scalars(manager.sessions.select()):
        session.authenticated_at = now() - timedelta(hours=1)
    db.session.commit()
    response = browser.get(copy_page(invited))
    assert response.location.startswith("/account/reauthenticate")


def test_the_audit_trail_names_who_copied_a_link(browser, manager, invited):
    """AD-5"""
    copy(browser, invited)
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "user.invitation_link_copied")
    ).one()
    assert (event.actor_id, event.subject_id) == (manager.id, invited.id)


def test_two_administrators_who_copy_at_once_get_one_link(manager, invited):
    """TK-8"""
    known = invited.invite_message_id
    invitations.copy_link(invited, by=manager, known=known)
    with pytest.raises(LinkChanged):
        invitations.copy_link(invited, by=manager, known=known)


@pytest.mark.parametrize("known", ["x", "-1", "9" * 400, "1'"])
def test_nonsense_in_the_form_shows_no_link(browser, invited, known):
    """IN-1"""
    token = browser.csrf_token(copy_page(invited))
    page = browser.post(copy_page(invited), data={"csrf_token": token, "known": known})
    assert page.status_code in {200, 302}
    assert "join-from-invite" not in page.text


# Users without permission


@pytest.fixture
def above(make_user):
    return make_user(invited=True, role="Administrator", first_name="Adam", last_name="Above")


def test_actions_on_users_with_more_permissions_are_refused(browser, manager, above, outbox):
    """AZ-4: the link of an administrator's invitation makes its holder an administrator."""
    token = browser.csrf_token("/")
    for path in ("copy-invite-link", "resend-invite", "revoke-invite"):
        address = f"/admin/user/{above.id}/{path}"
        assert browser.post(address, data={"csrf_token": token}).status_code == 403
        assert address not in browser.get(LIST).text
    for action in (
        lambda: invitations.copy_link(above, by=manager, known=None),
        lambda: invitations.resend(above, by=manager),
        lambda: invitations.revoke(above, by=manager),
    ):
        with pytest.raises(InsufficientPrivileges):
            action()
    assert not any("invit" in action for action in actions())
    assert outbox.deliver() == []


@pytest.mark.parametrize("path", ["copy-invite-link", "resend-invite", "revoke-invite"])
def test_a_user_who_has_joined_has_no_open_invitation(browser, make_user, path):
    user = make_user()
    token = browser.csrf_token("/")
    response = browser.post(f"/admin/user/{user.id}/{path}", data={"csrf_token": token})
    assert response.location == f"/admin/user/{user.id}"
    assert "has no open invitation" in browser.get(response.location).text
    assert db.session.get(User, user.id) is not None


# With invitations closed


@pytest.fixture
def closed(app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")


def test_nobody_is_invited_where_invitations_are_closed(closed, browser, invited, outbox):
    page = browser.get("/admin/invite-user")
    assert "Invitations are closed" in page.text
    token = browser.csrf_token("/")
    sent = {"first_name": "A", "last_name": "B", "email": "a@b.example", "role": "1"}
    response = browser.post("/admin/invite-user", data={**sent, "csrf_token": token})
    assert response.status_code == 403
    assert User.by_email("a@b.example") is None
    for path in ("copy-invite-link", "resend-invite"):
        response = browser.post(
            f"/admin/user/{invited.id}/{path}", data={"csrf_token": token, "known": ""}
        )
        assert response.location == f"/admin/user/{invited.id}"
        assert "REGISTRATION" in browser.get(response.location).text
    assert outbox.deliver() == []
    assert not any("invit" in action for action in actions())


def test_the_page_says_so_and_revoking_goes_on(closed, browser, invited):
    page = browser.get(LIST)
    assert "Invitations are closed" in page.text
    assert "resend-invite" not in page.text
    assert "Expires" not in page.text, "no link works"
    assert browser.submit(f"/admin/user/{invited.id}/revoke-invite").location == LIST


def test_administrators_make_people_all_the_same(closed, browser, manager):
    form = browser.get("/admin/new-user")
    assert form.status_code == 200
    role = db.session.scalars(select(User.role_id).where(User.id == manager.id)).one()
    sent = {"first_name": "New", "last_name": "Person", "email": "new@example.com"}
    sent |= {"role": str(role), "password": PASSWORD, "password2": PASSWORD}
    assert browser.submit("/admin/new-user", sent).status_code == 302
    assert User.by_email("new@example.com").confirmed


def test_a_user_without_a_name_is_called_by_the_email(browser, manager, make_user):
    manager.first_name = manager.last_name = "\u200b"
    invited = make_user(first_name="\u200b", last_name="\u2060", invited=True)
    invited.invited_by_id = manager.id
    db.session.commit()
    text = re.sub(r"<input[^>]*>", "", browser.get(LIST).text)
    assert "\u200b" not in text
    assert invited.email in text
    assert manager.email in text
