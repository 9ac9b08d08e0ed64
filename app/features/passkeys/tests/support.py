"""Users with a passkey, and browsers that use it."""

import json

from sqlalchemy import update

from app.extensions import db
from app.features.passkeys.models import Passkey, PasskeyOwner
from app.features.passkeys.tests.authenticator import BACKED_UP, ELIGIBLE, Authenticator
from app.models import UserSession
from tests.support import PASSWORD

LOGIN, SECOND_STEP = "/account/login/passkey", "/account/second-step/passkey"
FRESH, MANAGE = "/account/reauthenticate/passkey", "/account/manage/passkeys"
ADD = f"{MANAGE}/add"


def give_passkey(user, authenticator=None, *, name="Key", is_asked=False):
    """Give a user a passkey without a browser, and return its authenticator.

    Their sessions count as proved, as the session in which a user adds a passkey.
    """
    made = authenticator or Authenticator()
    owner = db.session.get(PasskeyOwner, user.id) or PasskeyOwner(user_id=user.id)
    owner.is_asked_after_password = is_asked
    db.session.add(owner)
    db.session.flush()
    made.handle = owner.handle
    db.session.add(
        Passkey(
            user_id=user.id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.count,
            transports="internal",
            aaguid="00000000-0000-0000-0000-000000000000",
            is_backup_eligible=bool(made.flags & ELIGIBLE),
            is_backed_up=bool(made.flags & BACKED_UP),
            name=name,
        )
    )
    proved = update(UserSession).where(UserSession.user_id == user.id)
    db.session.execute(proved.values(has_second_factor=True))
    db.session.commit()
    return made


def options(browser, path, *, form_at=""):
    """Fetch the options of a page as its script does."""
    headers = {"X-CSRFToken": browser.csrf_token(form_at or path), "Accept": "application/json"}
    return browser.post(f"{path}/options", headers=headers)


def send(browser, path, answer, *, form_at="", **data):
    """Send the form of a page with the answer of an authenticator."""
    credential = answer if isinstance(answer, str) else json.dumps(answer)
    return browser.submit(path, {"credential": credential, **data}, form_at=form_at or path)


def sign_in(browser, authenticator, **data):
    given = options(browser, LOGIN, form_at="/account/login").json
    return send(browser, LOGIN, authenticator.sign(given), form_at="/account/login", **data)


def give_password(browser, user, **data):
    return browser.submit("/account/login", {"email": user.email, "password": PASSWORD, **data})
