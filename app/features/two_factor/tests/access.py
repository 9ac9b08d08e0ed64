"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

import html
import re

from app.extensions import db
from app.features.two_factor import emails
from app.features.two_factor.models import TrustedDevice
from app.features.two_factor.tests.support import (
    CODE_PAGE,
    MANAGE,
    RECOVERY_CODE,
    RECOVERY_PAGE,
    SET_UP,
    code,
    enable,
)
from app.kit import features
from app.kit.database import now
from app.models import Permission
from tests import factories
from tests.routes import CONFIRMED
from tests.support import PASSWORD
from tests.world import HOSTILE as TEXT

ACCESS = {
    "account.enter_code": CONFIRMED,
    "account.enter_recovery_code": CONFIRMED,
    "account.two_factor": CONFIRMED,
    "account.set_up_two_factor": CONFIRMED,
    "account.renew_recovery_codes": CONFIRMED,
    "account.replace_app": CONFIRMED,
    "account.download_recovery_codes": CONFIRMED,
    "account.disable_two_factor": CONFIRMED,
    "account.forget_trusted_browsers": CONFIRMED,
    "admin.reset_two_factor": Permission.MANAGE_USERS,
    "admin.demand_two_factor": Permission.MANAGE_ROLES,
}
MARKS = {
    "account.enter_code": "signs_in",
    "account.enter_recovery_code": "signs_in",
    "account.set_up_two_factor": "sets_up_second_step",
}


def begin(world):
    user = enable(world.make_user())
    world.send(world.stranger, "/account/login", email=user.email, password=PASSWORD)


def enter_code(world):
    begin(world)
    return world.send(world.stranger, CODE_PAGE, code=code())


def enter_recovery_code(world):
    begin(world)
    return world.send(world.stranger, RECOVERY_PAGE, code=RECOVERY_CODE)


def scan(page):
    """Return the secret and the hidden field of a page that shows a QR code."""
    secret = re.search(r'qr-secret">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")
    sealed = html.unescape(re.search(r'name="sealed"[^>]*value="([^"]+)"', page).group(1))
    return secret, sealed


def set_up(world):
    _user, browser = world.as_user()
    secret, sealed = scan(browser.get(SET_UP).text)
    return world.send(browser, SET_UP, code=code(secret), sealed=sealed)


def replace_app(world):
    user, browser = world.as_user()
    enable(user)
    page = f"{MANAGE}/replace"
    secret, sealed = scan(browser.get(page).text)
    return world.send(browser, page, code=code(secret), sealed=sealed, proof=RECOVERY_CODE)


def with_app(path):
    """Return a function that sends a form with a code, as a user who has an app."""

    def send(world):
        user, browser = world.as_user()
        enable(user)
        return world.send(browser, f"{MANAGE}/{path}", code=code())

    return send


def forget_browsers(world):
    user, browser = world.as_user()
    enable(user)
    row = {"token_hash": "x", "state_hash": "x", "device": "", "expires_at": now()}
    db.session.add(TrustedDevice(user_id=user.id, **row))
    db.session.commit()
    return world.send(browser, f"{MANAGE}/forget-browsers", form_at=f"{MANAGE}/turn-off")


def reset(world):
    user = enable(world.make_user())
    return world.send(world.browser, f"/admin/user/{user.id}/reset-two-factor")


def demand_of_role(world):
    role = factories.make_role("Editor", permissions=1)
    path = f"/admin/roles/{role.id}/two-factor"
    return world.send(world.browser, path, form_at="/account/manage/change-name", demand="yes")


EVENTS = {
    "account.enter_code": ("session.started", enter_code),
    "account.enter_recovery_code": ("two_factor.recovery_code_used", enter_recovery_code),
    "account.set_up_two_factor": ("two_factor.enabled", set_up),
    "account.replace_app": ("two_factor.replaced", replace_app),
    "account.renew_recovery_codes": (
        "two_factor.recovery_codes_renewed",
        with_app("recovery-codes"),
    ),
    "account.disable_two_factor": ("two_factor.disabled", with_app("turn-off")),
    "account.forget_trusted_browsers": ("two_factor.trust_ended", forget_browsers),
    "admin.reset_two_factor": ("two_factor.reset", reset),
    "admin.demand_two_factor": ("two_factor.demanded", demand_of_role),
}
WITHOUT_EVENT = {
    "account.download_recovery_codes": "the codes of the page itself come back as a file",
}
MAILS = {
    "two_factor_changed": lambda user: emails.send_two_factor_changed(user, "enabled"),
    "recovery_code_used": lambda user: emails.send_recovery_code_used(user, 3),
}

# The feature roles has these rows for its own pages.
if "roles" not in features.names():
    SHARED = {"role_id": "every user who manages roles sees all of them"}
    HOSTILE = {"role_id": lambda _world: [factories.make_role(f"Role {TEXT}").id]}
