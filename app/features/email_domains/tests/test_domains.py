"""Email addresses are allowed and refused by their domain."""

import pytest

import config
from app.extensions import db
from app.features.email_domains.slots import is_listed
from app.models import User
from tests.support import PASSWORD

PERSON = {"first_name": "Ada", "last_name": "Lovelace", "password": PASSWORD, "password2": PASSWORD}
NOT_ALLOWED, REFUSED = "Use an address of a domain", "Addresses of this domain are not accepted"


@pytest.fixture
def domains(app, monkeypatch):
    """Return a function that sets both lists, as the settings read them."""

    def choose(allowed="", refused=""):
        lists = {"ALLOWED_EMAIL_DOMAINS": allowed, "REFUSED_EMAIL_DOMAINS": refused}
        read = config.DevelopmentConfig(lists)
        for name in lists:
            monkeypatch.setitem(app.config, name, getattr(read, name))

    return choose


def register(client, email):
    return client.submit("/account/register", {**PERSON, "email": email})


CASES = [
    ("example.com", "", "ada@example.com", ""),
    ("example.com", "", "ada@EXAMPLE.com", ""),
    ("example.com", "", "ada@mail.example.com", NOT_ALLOWED),
    (".example.com", "", "ada@mail.example.com", ""),
    (".example.com", "", "ada@example.com", ""),
    (".example.com", "", "ada@badexample.com", NOT_ALLOWED),
    ("example.com", "", "ada@example.com.evil.org", NOT_ALLOWED),
    ("example.org,example.com", "", "ada@example.com", ""),
    ("bücher.example.com", "", "ada@xn--bcher-kva.example.com", ""),
    ("xn--bcher-kva.example.com", "", "ada@bücher.example.com", ""),
    ("", "mailinator.com", "ada@mailinator.com", REFUSED),
    ("", "mailinator.com", "ada@Mailinator.COM", REFUSED),
    ("", ".mailinator.com", "ada@a.b.mailinator.com", REFUSED),
    ("", "mailinator.com", "ada@example.com", ""),
    (".example.com", "guests.example.com", "ada@guests.example.com", REFUSED),
    ("*", "", "ada@example.com", ""),
]


@pytest.mark.parametrize(("allowed", "refused", "email", "problem"), CASES)
def test_an_address_is_judged_by_its_domain(client, domains, allowed, refused, email, problem):
    domains(allowed, refused)
    page = register(client, email)
    assert page.status_code == (200 if problem else 302)
    assert problem in page.text
    assert db.session.query(User).count() == (0 if problem else 1)


def test_a_wrong_address_has_one_message(client, domains):
    domains("example.com")
    page = register(client, "ada@@example.com").text
    assert "Enter an address like" in page
    assert NOT_ALLOWED not in page


def test_ones_own_address_changes_to_an_accepted_one_only(client, domains, make_user):
    domains("example.com")
    client.enter(make_user())
    path = "/account/manage/change-email"
    page = client.submit(path, {"email": "ada@example.org", "password": PASSWORD})
    assert NOT_ALLOWED in page.text
    assert (
        client.submit(path, {"email": "ada@example.com", "password": PASSWORD}).status_code == 302
    )


def test_a_user_with_a_refused_address_signs_in(client, domains, make_user):
    domains("example.com")
    client.sign_in(make_user(email="ada@example.org").email)


def test_an_administrator_gives_any_address(client, domains, admin):
    domains("example.com")
    client.enter(admin)
    fields = {**PERSON, "role": admin.role_id, "email": "ada@example.org"}
    assert client.submit("/admin/new-user", fields).status_code == 302


def test_a_domain_that_is_no_host_stops_the_start(domains):
    with pytest.raises(config.ConfigurationError, match="ALLOWED_EMAIL_DOMAINS"):
        domains("ada@example.com")


def test_an_empty_list_has_nothing():
    assert not is_listed("example.com", [])
