"""A stranger registers the address of a colleague, and waits until the account is worth having.

Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022.
"""

import io
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features import bulk, imports
from app.features.invitations import invitations
from app.features.roles import editing
from app.kit.database import now
from app.models import AuditEvent, EmailMessage, Role, User, UserSession
from app.services import access, users
from app.services.accounts import EmailTaken
from app.services.policy import AboveOneself
from tests import factories
from tests.support import PASSWORD, links, path_of

COLLEAGUE = "colleague@example.com"
STRANGERS = "a horse of the stranger's own"
OWN = "a horse of the colleague's own"
PERSON = {
    "first_name": "Not",
    "last_name": "Theirs",
    "email": COLLEAGUE,
    "password": STRANGERS,
    "password2": STRANGERS,
}


@pytest.fixture
def stranger(app):
    """A browser that has registered the colleague's address, and is signed in to the account."""
    browser = app.test_client()
    browser.submit("/account/register", PERSON)
    browser.sign_in(COLLEAGUE, STRANGERS, remember_me="y")
    return browser


@pytest.fixture
def staff(app):
    """A role that is worth having."""
    return factories.make_role("Staff", permissions=0x05)


def account():
    return User.by_email(COLLEAGUE)


def get_in(browser, password):
    """Try to sign in, and tell whether it was possible."""
    data = {"email": COLLEAGUE, "password": password}
    return browser.submit("/account/login", data).status_code == 302


def has_a_session():
    return db.session.scalar(select(UserSession).where(UserSession.user_id == account().id))


# Each way to give an account something


def change_role(by, staff):
    users.change_role(account(), role=staff, by=by)


def change_role_in_bulk(by, staff):
    in_bulk("change_role", by, staff)


def confirm_in_bulk(by, _staff):
    in_bulk("confirm", by, None)


def in_bulk(action, by, role):
    operation = bulk.preview(action, by=by, user_ids=[account().id], role=role)
    bulk.confirm(operation, by=by)
    bulk.run(operation.id)
    assert operation.done == 1


def confirm_by_hand(by, _staff):
    access.confirm(account(), by=by)


def by_import(by, mode, *, update=False):
    file = io.BytesIO(f"Email,First name,Role\n{COLLEAGUE},Col,Staff\n".encode())
    row = imports.upload(file, name="people.csv", by=by)
    options = {"has_header": True, "mode": mode, "update_existing": update, "role_id": row.role_id}
    imports.choose(row, mapping=row.mapping, by=by, **options)
    imports.run(row, check=row.checks, keep_good=False, by=by)
    assert row.state == "finished"
    return row


def update_by_import(by, _staff):
    by_import(by, "update")


def invite_by_import(by, _staff):
    assert by_import(by, "invite").counts == {"invited": 1}


def invite_and_update_by_import(by, _staff):
    assert by_import(by, "invite", update=True).counts == {"invited": 1}


def create_and_update_by_import(by, _staff):
    by_import(by, "create", update=True)


def invite(by, staff):
    invitations.invite(first_name="Col", last_name="League", email=COLLEAGUE, role=staff, by=by)


def create(by, staff):
    users.create(
        first_name="Col", last_name="League", email=COLLEAGUE, role=staff, password=OWN, by=by
    )


def delete_the_role(by, staff):
    former = factories.make_role("Former")
    account().role = former
    db.session.commit()
    editing.delete(former, move_to=staff, by=by)


def give_the_role_more(by, staff):
    account().role = staff
    db.session.commit()
    editing.change(staff, replace(editing.values_of(staff), permissions=0x07), by=by)


GIVING = [
    change_role,
    change_role_in_bulk,
    confirm_in_bulk,
    confirm_by_hand,
    update_by_import,
    invite_by_import,
    invite_and_update_by_import,
    create_and_update_by_import,
    invite,
    create,
    delete_the_role,
    give_the_role_more,
]
CONFIRMING = [confirm_in_bulk, confirm_by_hand, create]


@pytest.mark.parametrize("give", GIVING, ids=lambda give: give.__name__)
def test_what_a_stranger_registered_is_not_theirs_once_it_is_worth_something(
    give, app, stranger, staff, admin, outbox
):
    """SE-3, AD-2: neither with the password, nor with a session, nor by being remembered."""
    give(admin, staff)
    user = account()
    assert (user.role.name == "Staff") == (give not in {confirm_in_bulk, confirm_by_hand})
    assert user.confirmed == (give in CONFIRMING)
    assert has_a_session() is None
    assert not get_in(app.test_client(), STRANGERS)
    assert stranger.get("/account/manage").location.startswith("/account/login")
    stranger.delete_cookie("session")
    assert stranger.get("/account/manage").location.startswith("/account/login")

    # The colleague gets in, by a link that only they can read.
    client = app.test_client()
    client.submit("/account/reset-password", {"email": COLLEAGUE})
    texts = [mail.get_body(("plain",)).get_content() for mail in outbox.deliver()]
    found = [one for text in texts for one in links(text) if "/reset-password/" in one]
    link = path_of(found[-1])
    client.submit(link, {"new_password": OWN, "new_password2": OWN})
    assert get_in(client, OWN)
    assert client.is_signed_in()
    voided = select(AuditEvent).where(AuditEvent.action == "user.password_voided")
    event = db.session.scalars(voided).one()
    assert (event.subject_id, event.actor_id) == (user.id, admin.id)


@pytest.mark.parametrize("change", ["less", "default"])
def test_a_role_that_gives_them_no_more_than_strangers_get_leaves_passwords(
    change, app, stranger, staff, admin
):
    role = staff if change == "less" else Role.get_default()
    account().role = role
    db.session.commit()
    bits = 0x01 if change == "less" else role.permissions | 0x04
    editing.change(role, replace(editing.values_of(role), permissions=bits), by=admin)
    assert get_in(app.test_client(), STRANGERS)


def test_who_is_confirmed_in_bulk_gets_the_link_whatever_is_ticked(stranger, client, admin, outbox):
    """The page promises a link to each, and without it nobody is told that the password is void."""
    outbox.deliver()
    operation = bulk.preview("confirm", by=admin, user_ids=[account().id])
    client.enter(admin)
    page = client.get(f"/admin/users/bulk/{operation.id}").text
    assert "each gets a link" in page
    assert "Tell them by mail" not in page
    bulk.confirm(operation, by=admin, tell=False)
    bulk.run(operation.id)
    assert "/reset-password/" in outbox.last_text()


@pytest.mark.parametrize("tell", [True, False])
def test_who_is_given_a_role_in_bulk_learns_that_the_password_is_void(
    tell, stranger, make_user, staff, admin, outbox
):
    """Also without the tick: then the accounts with a void password alone get a mail."""
    outbox.deliver()
    confirmed = make_user()
    operation = bulk.preview(
        "change_role", by=admin, user_ids=[account().id, confirmed.id], role=staff
    )
    bulk.confirm(operation, by=admin, tell=tell)
    bulk.run(operation.id)
    assert operation.done == 2
    mails = {mail["To"]: mail for mail in outbox.deliver()}
    assert set(mails) == ({COLLEAGUE, confirmed.email} if tell else {COLLEAGUE})
    assert "/account/reset-password" in mails[COLLEAGUE].get_body(("plain",)).get_content()


def test_a_role_that_allows_more_mails_those_whose_password_is_void(
    stranger, app, staff, admin, outbox
):
    outbox.deliver()
    give_the_role_more(admin, staff)
    link = path_of(next(one for one in links(outbox.last_text()) if "/reset-password/" in one))
    client = app.test_client()
    client.submit(link, {"new_password": OWN, "new_password2": OWN})
    assert get_in(client, OWN)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_default_role_that_allows_less_voids_what_registered_with_more(
    is_new, stranger, app, admin, outbox
):
    """While it was the default, every stranger had it; now the account is worth having."""
    outbox.deliver()
    former = Role.get_default()
    former.permissions |= 0x04
    db.session.commit()
    less = editing.Values("Guest", "main", 0x01, default=True)
    if is_new:
        editing.create(less, by=admin)
    else:
        editing.change(factories.make_role("Guest", permissions=0x01), less, by=admin)
    assert account().role is former
    assert not get_in(app.test_client(), STRANGERS)
    assert "/reset-password/" in outbox.last_text()


def test_a_default_role_that_allows_as_much_leaves_passwords(stranger, app, admin):
    editing.create(
        editing.Values("Member", "main", Role.get_default().permissions, default=True), by=admin
    )
    assert get_in(app.test_client(), STRANGERS)


def test_an_import_that_creates_accounts_leaves_an_unconfirmed_one_as_it_is(stranger, staff, admin):
    """It gives it nothing, so there is nothing to take."""
    assert by_import(admin, "create").counts == {"unchanged": 1}
    assert account().role.name == "User"


@pytest.mark.parametrize("give", [invite, invite_by_import], ids=lambda give: give.__name__)
def test_an_address_that_a_stranger_holds_can_be_invited(give, stranger, app, staff, admin, outbox):
    outbox.deliver()
    give(admin, staff)
    user = account()
    assert user.status == "invited"
    assert user.first_name == "Col", "not what the stranger called it"
    assert user.invited_by_id == admin.id
    invitation = outbox.last_text()
    assert "Theirs" not in invitation
    client = app.test_client()
    link = next(one for one in links(invitation) if "/join-from-invite/" in one)
    client.submit(path_of(link), {"password": OWN, "password2": OWN})
    client.sign_in(COLLEAGUE, OWN)
    assert account().role.name == "Staff"


@pytest.mark.parametrize("state", ["confirmed", "invited", "suspended", "deleted"])
def test_no_other_account_is_taken_over_by_an_invitation(state, make_user, staff, admin):
    made = {
        "confirmed": {},
        "invited": {"invited": True},
        "suspended": {"suspended": True, "confirmed": False},
        "deleted": {"deleted_at": now(), "confirmed": False},
    }
    user = make_user(email=COLLEAGUE, first_name="Before", **made[state])
    before = user.password_hash
    with pytest.raises(EmailTaken):
        invite(admin, staff)
    db.session.refresh(user)
    assert (user.first_name, user.password_hash, user.role.name) == ("Before", before, "User")


def test_nobody_takes_over_an_unconfirmed_account_above_themselves(make_user, staff, admin):
    """AZ-4: by invitation or import."""
    user = make_user(email=COLLEAGUE, confirmed=False, role="Administrator")
    manager = make_user(role="Staff")
    with pytest.raises(AboveOneself):
        invite(manager, staff)
    db.session.rollback()
    file = io.BytesIO(f"Email,Role\n{COLLEAGUE},Staff\n".encode())
    row = imports.upload(file, name="x.csv", by=manager)
    imports.choose(
        row,
        mapping=row.mapping,
        has_header=True,
        mode="invite",
        update_existing=False,
        role_id=staff.id,
        by=manager,
    )
    assert row.counts == {"problem": 1}
    db.session.refresh(user)
    assert user.is_admin()
    assert user.password_hash


def test_a_confirmed_account_keeps_its_password(app, make_user, staff, admin):
    user = make_user(email=COLLEAGUE)
    for give in (change_role, update_by_import):
        give(admin, staff)
        assert get_in(app.test_client(), PASSWORD)
        user.role = db.session.scalar(select(Role).where(Role.name == "User"))
        db.session.commit()


def test_an_administrator_who_knows_that_it_is_theirs_keeps_the_password(stranger, client, admin):
    client.enter(admin)
    path = f"/admin/user/{account().id}/confirm"
    assert "stops working" in client.get(path).text
    client.submit(path, {"keep_password": "y"})
    assert account().confirmed
    assert stranger.is_signed_in()


# The button that confirms


def link_of_the_mail(outbox):
    return path_of(next(one for one in links(outbox.last_text()) if "/confirm-account/" in one))


def test_the_plain_button_is_in_the_browser_that_registered_alone(client, app, outbox):
    client.submit("/account/register", PERSON)
    link = link_of_the_mail(outbox)
    assert 'name="password"' not in client.get(link).text
    other = app.test_client()
    page = other.get(link).text
    assert 'name="password"' in page
    assert "in another browser" in page
    assert "not the password" in other.submit(link).text
    assert "not the password" in other.submit(link, {"password": "wrong"}).text
    assert not account().confirmed
    client.submit(link)
    assert account().confirmed
    assert get_in(client, STRANGERS)


def test_elsewhere_the_password_confirms_it_too(client, app, outbox):
    client.submit("/account/register", PERSON)
    link = link_of_the_mail(outbox)
    other = app.test_client()
    assert other.submit(link, {"password": STRANGERS}).location == "/account/login"
    assert account().confirmed
    assert get_in(other, STRANGERS)


def test_the_colleague_presses_what_there_is_and_the_stranger_is_out(stranger, app, outbox):
    """SE-3: also when the colleague goes no further than the first press."""
    link = link_of_the_mail(outbox)
    colleague = app.test_client()
    colleague.submit(link)
    assert not account().confirmed
    answer = colleague.submit(link, {"choose_password": "1"})
    assert answer.location.startswith("/account/reset-password/")
    assert account().confirmed
    assert not get_in(app.test_client(), STRANGERS)
    assert not stranger.is_signed_in()
    colleague.submit(answer.location, {"new_password": OWN, "new_password2": OWN})
    assert get_in(colleague, OWN)


def test_registering_a_taken_address_is_no_receipt_for_it(stranger, app, outbox):
    """The colleague registers too, and then opens the link of the stranger's registration."""
    link = link_of_the_mail(outbox)
    colleague = app.test_client()
    colleague.submit("/account/register", {**PERSON, "password": OWN, "password2": OWN})
    assert 'name="password"' in colleague.get(link).text
    assert "not the password" in colleague.submit(link).text
    assert not account().confirmed


def test_the_cookie_says_nothing_of_whether_an_address_is_taken(app, make_user):
    """EN-4"""
    make_user(email=COLLEAGUE)
    receipts = []
    for email in (COLLEAGUE, "free@example.com"):
        browser = app.test_client()
        browser.submit("/account/register", {**PERSON, "email": email})
        with browser.session_transaction() as cookie:
            receipts.append((set(cookie), len(cookie["receipt"])))
    assert receipts[0] == receipts[1]


def test_a_receipt_of_another_account_or_an_earlier_password_is_none(make_user):
    user, other = make_user(confirmed=False), make_user(confirmed=False)
    receipt = user.registration_receipt()
    assert user.has_receipt(receipt)
    assert not other.has_receipt(receipt)
    user.password = OWN
    assert not user.has_receipt(receipt)
    assert not user.has_receipt("")
    assert not user.has_receipt("é\0")


def test_someone_else_who_is_signed_in_gives_the_password(stranger, app, make_user, outbox):
    """TK-9"""
    link = link_of_the_mail(outbox)
    browser = app.test_client()
    other = make_user()
    browser.enter(other)
    page = browser.get(link).text
    assert "sign out and open the link again" in page
    assert 'name="choose_password"' not in page
    browser.submit(link, {"choose_password": "1"})
    assert not account().confirmed
    browser.submit(link, {"password": STRANGERS})
    assert account().confirmed
    assert other.email in browser.get("/account/manage").text


def test_an_account_whose_password_was_voided_is_confirmed_with_a_new_one(
    stranger, app, admin, staff, outbox
):
    link = link_of_the_mail(outbox)
    change_role(admin, staff)
    client = app.test_client()
    page = client.get(link).text
    assert "has no password" in page
    assert 'name="password"' not in page
    assert client.submit(link).status_code == 200
    assert not account().confirmed
    answer = client.submit(link, {"choose_password": "1"})
    client.submit(answer.location, {"new_password": OWN, "new_password2": OWN})
    assert get_in(client, OWN)


def test_the_mail_of_a_role_says_how_to_choose_a_password(stranger, admin, staff, outbox):
    change_role(admin, staff)
    assert "/account/reset-password" in outbox.last_text()
    assert db.session.scalar(select(EmailMessage).where(EmailMessage.message == "role_changed"))
