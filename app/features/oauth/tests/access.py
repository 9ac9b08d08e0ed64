"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.features.oauth import emails
from app.features.oauth.tests.support import MANAGE, give_account
from app.models import Permission
from tests.routes import ANYONE, CONFIRMED, GUESTS
from tests.world import HOSTILE as TEXT
from tests.world import elsewhere

# Nobody listens there, so a sign-in ends with a sentence.
SETTINGS = {
    "OIDC_PROVIDERS": {
        "acme": {
            "ISSUER": "http://127.0.0.1:9",
            "CLIENT_ID": "client",
            "CLIENT_SECRET": "secret",
            "LABEL": "Acme",
        }
    }
}
ACCESS = {
    "account.sign_in_with": GUESTS,
    "account.reauthenticate_with": CONFIRMED,
    "account.answer_of_provider": ANYONE,
    "account.linked_accounts": CONFIRMED,
    "account.link_account": CONFIRMED,
    "account.unlink_account": CONFIRMED,
    "admin.unlink_accounts": Permission.MANAGE_USERS,
}
MARKS = {
    "account.sign_in_with": "signs_in",
    "account.reauthenticate_with": "signs_in",
    "account.answer_of_provider": "signs_in",
}


def unlink(world):
    account = give_account(world.admin)
    return world.send(world.browser, f"{MANAGE}/{account.id}/unlink")


def reset(world):
    user = world.make_user()
    give_account(user)
    return world.send(world.browser, f"/admin/user/{user.id}/unlink-accounts")


EVENTS = {
    "account.unlink_account": ("linked_account.unlinked", unlink),
    "admin.unlink_accounts": ("linked_account.reset", reset),
}
WITHOUT_EVENT = {
    "account.sign_in_with": "sends the browser to a provider, whose answer leaves the event",
    "account.reauthenticate_with": "as above",
    "account.link_account": "as above",
}
OWNED = {"linked_account_id": lambda world: give_account(world.admin)}
SHARED = {"provider": "the settings name them, and the sign-in page shows them"}
HOSTILE = {
    "linked_account_id": lambda world: [give_account(world.admin, email=TEXT).id],
    "provider": elsewhere,
}
MAILS = {
    "linked_accounts_changed": lambda user: emails.send_linked_accounts_changed(
        user, "linked", "Acme"
    )
}
