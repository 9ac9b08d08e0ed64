"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

import json

from app.extensions import db
from app.features.passkeys import emails, services
from app.features.passkeys.tests.authenticator import Authenticator
from app.features.passkeys.tests.support import (
    ADD,
    FRESH,
    LOGIN,
    MANAGE,
    SECOND_STEP,
    give_passkey,
    give_password,
    options,
)
from app.models import Permission
from tests.routes import CONFIRMED, GUESTS
from tests.world import HOSTILE as TEXT
from tests.world import NEW_USER, as_stranger

ACCESS = {
    "account.register_with_passkey": GUESTS,
    "account.confirm_with_passkey": GUESTS,
    "account.confirm_with_passkey_options": GUESTS,
    "account.passkey_sign_in": GUESTS,
    "account.passkey_sign_in_options": GUESTS,
    "account.use_passkey": CONFIRMED,
    "account.use_passkey_options": CONFIRMED,
    "account.reauthenticate_by_passkey": CONFIRMED,
    "account.reauthenticate_by_passkey_options": CONFIRMED,
    "account.passkeys": CONFIRMED,
    "account.add_passkey": CONFIRMED,
    "account.add_passkey_options": CONFIRMED,
    "account.rename_passkey": CONFIRMED,
    "account.remove_passkey": CONFIRMED,
    "account.ask_passkey_after_password": CONFIRMED,
    "admin.reset_passkeys": Permission.MANAGE_USERS,
}

OPEN_TO = {
    "account.register_with_passkey": "impersonating",
}
MARKS = {
    "account.passkey_sign_in_options": "signs_in",
    "account.passkey_sign_in": "signs_in",
    "account.use_passkey": "signs_in",
    "account.use_passkey_options": "signs_in",
    "account.reauthenticate_by_passkey": "signs_in",
    "account.reauthenticate_by_passkey_options": "signs_in",
    "account.add_passkey": "sets_up_second_step",
    "account.add_passkey_options": "sets_up_second_step",
}


def passkey_of(user, **values):
    give_passkey(user, **values)
    return services.of_user(user)[0]


def answer(world, browser, path, authenticator, *, form_at="", **data):
    given = options(browser, path, form_at=form_at or path).json
    made = authenticator.make(given) if path == ADD else authenticator.sign(given)
    return world.send(browser, path, form_at=form_at, credential=json.dumps(made), **data)


def enter(world):
    authenticator = give_passkey(world.make_user())
    return answer(world, world.stranger, LOGIN, authenticator, form_at="/account/login")


def use_after_password(world):
    user = world.make_user()
    authenticator = give_passkey(user, is_asked=True)
    give_password(world.stranger, user)
    return answer(world, world.stranger, SECOND_STEP, authenticator)


def reauthenticate(world):
    user, browser = world.as_user()
    authenticator = give_passkey(user)
    return answer(world, browser, FRESH, authenticator, form_at="/account/reauthenticate")


def add(world):
    _user, browser = world.as_user()
    return answer(world, browser, ADD, Authenticator(), name="Phone")


def on_passkey(path="", **data):
    def sent(world):
        passkey = passkey_of(world.admin)
        return world.send(world.browser, f"{MANAGE}/{passkey.id}{path}", **data)

    return sent


def ask(world):
    give_passkey(world.admin)
    return world.send(world.browser, f"{MANAGE}/second-step", form_at=MANAGE, ask="yes")


def reset(world):
    user = world.make_user()
    give_passkey(user)
    return world.send(world.browser, f"/admin/user/{user.id}/reset-passkeys")


def hostile_passkey(world):
    passkey = passkey_of(world.admin, name=TEXT)
    db.session.commit()
    return [passkey.id]


def unconfirmed(world):
    """Return the path that confirms an account without a password."""
    user = world.make_user(confirmed=False)
    user.password_hash = None
    db.session.commit()
    return f"/account/confirm-account/{user.generate_confirmation_token()}"


def confirm(world):
    page = unconfirmed(world)
    given = options(world.stranger, f"{page}/passkey", form_at=page).json
    made = json.dumps(Authenticator().make(given))
    return world.send(world.stranger, f"{page}/passkey", form_at=page, credential=made)


EVENTS = {
    "account.register_with_passkey": (
        "user.registered",
        as_stranger("/account/register/passkey", **NEW_USER),
    ),
    "account.confirm_with_passkey": ("session.started", confirm),
    "account.passkey_sign_in": ("session.started", enter),
    "account.use_passkey": ("session.started", use_after_password),
    "account.reauthenticate_by_passkey": ("session.reauthenticated", reauthenticate),
    "account.add_passkey": ("passkey.added", add),
    "account.rename_passkey": ("passkey.renamed", on_passkey(name="Phone")),
    "account.remove_passkey": ("passkey.removed", on_passkey("/remove")),
    "account.ask_passkey_after_password": ("passkey.wanted_after_password", ask),
    "admin.reset_passkeys": ("passkey.reset", reset),
}
WITHOUT_EVENT = {
    "account.confirm_with_passkey_options": "a challenge changes nothing",
    "account.passkey_sign_in_options": "a challenge changes nothing",
    "account.use_passkey_options": "a challenge changes nothing",
    "account.reauthenticate_by_passkey_options": "a challenge changes nothing",
    "account.add_passkey_options": "a challenge changes nothing",
}
OWNED = {"passkey_id": lambda world: passkey_of(world.admin)}
HOSTILE = {"passkey_id": hostile_passkey}
MAILS = {"passkeys_changed": lambda user: emails.send_passkeys_changed(user, "added", "Phone")}
