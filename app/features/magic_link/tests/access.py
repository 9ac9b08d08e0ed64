"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from dataclasses import asdict
from datetime import timedelta

from app.extensions import db
from app.features.magic_link import mailed_sign_ins, proofs
from app.features.magic_link.account import ASKED
from app.features.magic_link.emails import send_sign_in_link
from app.features.magic_link.models import MailedSignIn
from tests.links import OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED, Link, LinkKind
from tests.routes import GUESTS
from tests.world import as_stranger

SETTINGS = {"SIGN_IN_BY_MAIL": True}
ACCESS = {
    "account.sign_in_by_mail": GUESTS,
    "account.sign_in_code": GUESTS,
    "account.sign_in_link": GUESTS,
}

OPEN_TO = {
    "account.sign_in_by_mail": "impersonating",
    "account.sign_in_code": "impersonating",
    "account.sign_in_link": "impersonating",
}


def asked_in(browser, user):
    """Ask for a mail in a browser, and return the number of the request."""
    asked = mailed_sign_ins.ask(user.email)
    with browser.session_transaction() as session:
        session[ASKED] = asdict(asked)
    return asked.request_id


def working_link(world):
    user = world.make_user()
    return f"/account/sign-in-by-mail/{proofs.token_of(user, asked_in(world.stranger, user))}"


def use_link(world):
    return world.send(world.stranger, working_link(world))


def use_code(world):
    user = world.make_user()
    request = db.session.get(MailedSignIn, asked_in(world.stranger, user))
    code = proofs.code_of(user, request)
    return world.send(world.stranger, "/account/sign-in-code", code=code)


EVENTS = {
    "account.sign_in_by_mail": (
        "session.link_asked",
        as_stranger("/account/sign-in-by-mail", email="ada@example.com"),
    ),
    "account.sign_in_code": ("session.started", use_code),
    "account.sign_in_link": ("session.started", use_link),
}
FIELDS = {"/account/sign-in-by-mail": ("email",)}
WORKING_LINKS = {"account.sign_in_link": working_link}


MAILS = {
    "sign_in_link": lambda ada: send_sign_in_link(
        ada.email, mailed_sign_ins.ask(ada.email).request_id
    )
}


def sign_in_link(app, make_user):
    user, browser = make_user(), app.test_client()
    request_id = asked_in(browser, user)

    def was_signed_in():
        """Tell whether the link has worked, and sign out to try it again."""
        is_here = browser.is_signed_in()
        if is_here:
            browser.submit("/account/logout", form_at="/")
        return is_here

    return Link(
        lambda **options: proofs.token_of(user, request_id, **options),
        browser,
        lambda token: f"/account/sign-in-by-mail/{token}",
        {},
        was_signed_in,
    )


LINKS = {
    "sign_in_link": LinkKind(
        sign_in_link, timedelta(minutes=15), [OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED]
    )
}
NOT_OWN_DATA = {
    "mailed_sign_ins": "holds hashes for 15 minutes; the activity has the event",
}
