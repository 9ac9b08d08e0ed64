"""The linked accounts of users in the API."""

from app.features.api.tests.programs import Call, admin_program, problem_of
from app.features.oauth import providers
from app.features.oauth.tests.support import ACME, give_account
from app.models import Permission
from tests import factories

__all__ = ["admin_program"]

ACCESS = {"api.unlink_accounts": Permission.MANAGE_USERS}
PATH = "/users/{}/unlink-accounts"


def unlink(program):
    # Without a provider, the page of a user shows no linked accounts.
    config = program.client.application.config
    program.fixture("monkeypatch").setitem(config, providers.PROVIDERS, {"acme": ACME})
    user = factories.make_user()
    give_account(user, subject=str(user.id))
    return program.post(PATH.format(user.id))


CALLS = {"api.unlink_accounts": Call(unlink, "linked_account.reset")}


def test_a_user_without_linked_accounts_has_none_to_unlink(admin_program, make_user):
    answer = admin_program.post(PATH.format(make_user().id))
    assert problem_of(answer) == (409, "wrong-state")
