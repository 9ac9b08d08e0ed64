"""Register, and confirm an email."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import User
from app.services import register as register_service
from app.services.register import RegistrationClosed
from tests.support import PASSWORD, links, path_of

PERSON = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
}


def register(client, **changes):
    return client.submit("/account/register", {**PERSON, **changes}, follow_redirects=True)


def test_a_person_registers_confirms_and_signs_in(client, outbox):
    page = register(client)
    assert "grace@example.com" in page.text

    link = path_of(links(outbox.last_text())[0])
    user = User.by_email("grace@example.com")
    assert not user.confirmed

    assert client.get(link).status_code == 200
    assert not User.by_email("grace@example.com").confirmed, "TK-5: a GET changes nothing"

    client.submit(link)
    assert User.by_email("grace@example.com").confirmed
    client.sign_in("grace@example.com")
    assert client.is_signed_in()


def test_a_used_confirmation_link_is_refused(client, outbox):
    register(client)
    link = path_of(links(outbox.last_text())[0])
    client.submit(link)
    assert "does not work" in client.get(link).text


def test_a_taken_address_looks_like_success_and_its_owner_is_told(client, outbox, make_user):
    """EN-4, IN-4: in any case of letters."""
    make_user(email="grace@example.com")
    taken = register(client, email="Grace@Example.COM")
    fresh = register(client, email="grace2@example.com")
    assert taken.status_code == fresh.status_code == 200
    assert taken.text.count("on its way") == fresh.text.count("on its way") == 1
    count = db.session.scalar(
        select(func.count()).select_from(User).where(User.email == "grace@example.com")
    )
    assert count == 1
    kinds = db.session.scalars(select(EmailMessage.message).order_by(EmailMessage.id)).all()
    assert kinds == ["already_registered", "confirm"]
    assert "already" in outbox.deliver()[0].get_body(("plain",)).get_content()


def test_the_owner_of_a_taken_address_is_told_once_an_hour(client, make_user):
    """F26"""
    make_user(email="grace@example.com")
    for _ in range(3):
        register(client)
    assert len(db.session.scalars(select(EmailMessage)).all()) == 1


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "passwordpassword",
        "123456789012345",
        "grace@example.com",
        "example-app example-app",
        "x" * 129,
    ],
)
def test_a_weak_password_is_refused_with_a_reason(client, password):
    """PW-1, PW-2, PW-4"""
    page = register(client, password=password, password2=password)
    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.text
    assert User.by_email("grace@example.com") is None
    assert 'value="Grace"' in page.text, "what was typed is kept"


@pytest.mark.parametrize(
    ("email", "advice"),
    [
        ("nobody", "name@example.com"),
        ("a@b", "name@example.com"),
        ("a@x.com, b@x.com", "name@example.com"),
        ("a@x.com\r\nBcc: v@x.com", "Remove the invisible characters."),
    ],
)
def test_a_text_that_is_not_one_email_is_refused(client, email, advice):
    """XS-5"""
    assert advice in register(client, email=email).text
    assert db.session.scalar(select(func.count()).select_from(EmailMessage)) == 0


@pytest.mark.parametrize("email", ["аdmin@example.com", "ａdmin@example.com", "mıke@example.com"])
def test_letters_that_look_alike_are_refused_before_the_at(client, email):
    """IN-4"""
    assert "name@example.com" in register(client, email=email).text


def test_names_of_64_characters_are_taken_and_of_65_refused(client):
    register(client, first_name="x" * 64)
    assert User.by_email("grace@example.com").first_name == "x" * 64
    page = register(client, email="other@example.com", first_name="x" * 65)
    assert "at most 64 characters" in page.text
    assert User.by_email("other@example.com") is None


@pytest.mark.parametrize("name", ["Gra\0ce", "Gra\r\nBcc: v@example.com", "\u200b", "\u202eecarG"])
def test_a_name_with_invisible_characters_is_refused(client, name):
    """IN-1, XS-5"""
    page = register(client, first_name=name)
    assert page.status_code == 200
    assert "invisible" in page.text
    assert User.by_email("grace@example.com") is None


def test_the_summary_names_the_fields_that_have_the_same_fault(client):
    """CS-3: the same message twice would not tell which field and link it means."""
    page = register(client, first_name="\u200b", last_name="\u2060").text
    fault = "Remove the invisible characters."
    assert f'<a href="#first_name">First name: {fault}</a>' in page
    assert f'<a href="#last_name">Last name: {fault}</a>' in page
    page = register(client, first_name="\u200b").text
    assert f'<a href="#first_name">{fault}</a>' in page


def test_fields_that_the_form_does_not_have_are_ignored(client):
    """AZ-3"""
    extra = {"role_id": "2", "confirmed": "1", "id": "77", "password_hash": "x", "is_admin": "1"}
    register(client, **extra)
    user = User.by_email("grace@example.com")
    assert not user.confirmed
    assert user.id != 77
    assert not user.is_admin()


def test_registering_the_administrators_address_makes_no_administrator(client, app):
    register(client, email=app.config["ADMIN_EMAIL"])
    assert not User.by_email(app.config["ADMIN_EMAIL"]).is_admin()


def test_an_unconfirmed_user_reaches_only_the_page_that_says_so(client, make_user, outbox):
    user = make_user(confirmed=False)
    client.sign_in(user.email)
    for path in ("/", "/account/manage"):
        response = client.get(path)
        assert response.status_code == 302, path
        assert response.location == "/account/unconfirmed"
    page = client.submit("/account/confirm-account", form_at="/account/unconfirmed")
    assert page.location == "/account/unconfirmed"
    client.submit(path_of(links(outbox.last_text())[0]))
    assert client.get("/").status_code == 200


def test_the_confirmation_link_is_sent_again_five_times_an_hour_and_no_more(client, make_user):
    """BF-2"""
    client.sign_in(make_user(confirmed=False).email)
    for _ in range(8):
        page = client.submit("/account/confirm-account", form_at="/account/unconfirmed")
        assert page.status_code == 302
    assert len(db.session.scalars(select(EmailMessage)).all()) == 5


def test_confirming_an_account_does_not_touch_who_is_signed_in(client, make_user, outbox, app):
    """TK-9"""
    register(client)
    link = path_of(links(outbox.last_text())[0])
    other = make_user()
    client.sign_in(other.email)
    client.submit(link, {"password": PASSWORD})
    assert User.by_email("grace@example.com").confirmed
    assert other.email in client.get("/account/manage").text


# The browser that registered may not belong to the owner of the email


def test_confirming_tells_when_and_under_what_name_the_account_was_made(client, outbox):
    register(client)
    page = client.get(path_of(links(outbox.last_text())[0])).text
    assert "Grace Hopper" in page
    assert "just now" in page


def test_a_stranger_who_registered_an_email_is_signed_out_when_it_is_confirmed(app, client, outbox):
    """SE-3: they have their own password, and wait for the owner of the email to confirm."""
    thief = app.test_client()
    register(thief)
    thief.sign_in(PERSON["email"])
    client.submit(path_of(links(outbox.last_text())[0]), {"choose_password": "1"})
    assert User.by_email(PERSON["email"]).confirmed
    assert thief.get("/account/manage").location.startswith("/account/login")


def test_the_owner_of_the_address_can_choose_another_password_at_once(app, client, outbox):
    """TK-9: confirming signs nobody in."""
    register(app.test_client())
    link = path_of(links(outbox.last_text())[0])
    response = client.submit(link, {"choose_password": "1"})
    assert response.location.startswith("/account/reset-password/")
    new = "quite another horse battery"
    client.submit(response.location, {"new_password": new, "new_password2": new})
    assert not client.is_signed_in()
    refused = client.submit("/account/login", {"email": PERSON["email"], "password": PASSWORD})
    assert refused.status_code == 200
    client.sign_in(PERSON["email"], new)


def test_users_who_confirm_their_own_account_stay_signed_in(client, outbox):
    register(client)
    link = path_of(links(outbox.last_text())[0])
    client.sign_in(PERSON["email"])
    assert "choose a new password" not in client.get(link).text
    client.submit(link)
    assert client.is_signed_in()


# Closed registration


@pytest.fixture(params=["invite-only", "closed"])
def mode(request, app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", request.param)
    return request.param


def test_the_page_says_how_to_get_in(mode, client):
    page = client.get("/account/register")
    assert page.status_code == 200
    wanted = "You need an invitation" if mode == "invite-only" else "takes no new people"
    assert wanted in page.text
    assert "<input" not in page.text.split("<main")[1]


def test_sending_the_form_all_the_same_makes_nobody(mode, client, outbox):
    token = client.csrf_token()
    page = client.post("/account/register", data={**PERSON, "csrf_token": token})
    assert page.status_code == 403
    assert User.by_email(PERSON["email"]) is None
    assert outbox.deliver() == []


def test_the_service_refuses_it_too(mode):
    with pytest.raises(RegistrationClosed):
        register_service.register(
            **{name: PERSON[name] for name in ("first_name", "last_name", "email", "password")}
        )


@pytest.mark.parametrize("path", ["/", "/account/login", "/account/reset-password"])
def test_no_page_invites_to_create_an_account(mode, path, client):
    assert "/account/register" not in client.get(path).text


@pytest.mark.parametrize("path", ["/", "/account/login"])
def test_pages_do_where_people_can(path, client):
    assert "/account/register" in client.get(path).text


def test_people_who_have_an_account_sign_in_whatever_the_mode(mode, client, make_user):
    client.sign_in(make_user().email)
    assert client.is_signed_in()
    assert client.get("/healthz").status_code == 200
