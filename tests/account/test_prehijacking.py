"""A stranger registers the email of a colleague, and waits until the account is valuable.

Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022.
"""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import User
from app.services import user_access, users
from tests.fixtures.strangers import (
    COLLEAGUE,
    OWN,
    PERSON,
    STRANGERS,
    account,
    get_in,
    mailed_link,
)
from tests.support import PASSWORD, links, path_of

# Each action that makes an account valuable


def change_role(by, staff):
    users.change_role(account(), role=staff, by=by)


def confirm_by_hand(by, _staff):
    user_access.confirm(account(), by=by)


def create(by, staff):
    users.create(
        first_name="Col", last_name="League", email=COLLEAGUE, role=staff, password=OWN, by=by
    )


@pytest.mark.parametrize(
    ("give", "then"),
    [
        (change_role, {}),
        (confirm_by_hand, {"gives_role": False, "confirms": True}),
        (create, {"confirms": True}),
    ],
)
def test_a_stranger_loses_a_registration_once_it_gains_rights(give, then, assert_not_theirs):
    """SE-3, AD-2: neither the password, nor a session, nor the remember-me cookie works."""
    assert_not_theirs(give, **then)


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
    """SE-3: even if the colleague stops after the first click."""
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


def test_another_signed_in_user_gives_the_password_of_the_account(stranger, app, make_user, outbox):
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


# Each way in of a stranger, and the core's proofs of the owner (tests.fixtures.strangers)

NEW = {"new_password": OWN, "new_password2": OWN}


def sign_in_as(owner, email):
    owner.sign_in(email, OWN)
    assert owner.is_signed_in()


def test_the_link_to_confirm_gives_the_owner_the_account(squatted, app, outbox):
    """SE-3"""
    for _stranger, email in squatted:
        owner = app.test_client()
        link = mailed_link(outbox, email, "/confirm-account/")
        owner.submit(owner.submit(link, {"choose_password": "1"}).location, NEW)
        sign_in_as(owner, email)


def test_a_password_reset_gives_the_owner_the_account(squatted, app, outbox):
    for _stranger, email in squatted:
        owner = app.test_client()
        owner.submit("/account/reset-password", {"email": email})
        owner.submit(mailed_link(outbox, email, "/reset-password/"), NEW)
        sign_in_as(owner, email)


def test_an_administrator_gives_the_owner_the_account(squatted, app, staff, admin, outbox):
    names = {"first_name": "Col", "last_name": "League"}
    for number, (_stranger, email) in enumerate(squatted):
        owner = app.test_client()
        if number % 2:
            users.create(**names, email=email, role=staff, password=OWN, by=admin)
        else:
            user_access.confirm(User.by_email(email), by=admin)
            owner.submit(mailed_link(outbox, email, "/reset-password/"), NEW)
        sign_in_as(owner, email)


def test_a_user_takes_their_email_from_a_registration(squatted, app, make_user, outbox):
    """TK-4"""
    for _stranger, email in squatted:
        owner, user = app.test_client(), make_user()
        owner.enter(user)
        page = "/account/manage/change-email"
        owner.submit(page, {"email": email, "password": PASSWORD})
        owner.submit(mailed_link(outbox, email, "/change-email/"))
        assert User.by_email(email).id == user.id
        assert owner.is_signed_in()


def test_an_account_that_an_administrator_vouched_for_gives_way_to_nobody(
    squatted, app, make_user, staff, admin, outbox
):
    """It would lose its role, so its owner chooses a password with the link of the mail."""
    for _stranger, email in squatted:
        owner, page = app.test_client(), "/account/manage/change-email"
        owner.enter(make_user())
        owner.submit(page, {"email": email, "password": PASSWORD})
        link = mailed_link(outbox, email, "/change-email/")
        users.change_role(User.by_email(email), role=staff, by=admin)
        answer = owner.submit(link, follow_redirects=True)
        assert "Another account has this email address" in answer.text
        assert User.by_email(email).role.name == "Staff"
        owner = app.test_client()
        owner.submit("/account/reset-password", {"email": email})
        owner.submit(mailed_link(outbox, email, "/reset-password/"), NEW)
        sign_in_as(owner, email)
