"""The passkeys of users in the API."""

from app.features.api.tests.programs import Call, admin_program, problem_of
from app.features.passkeys.tests.support import give_passkey
from app.models import Permission
from tests import factories

__all__ = ["admin_program"]

ACCESS = {"api.reset_passkeys": Permission.MANAGE_USERS}
PATH = "/users/{}/reset-passkeys"


def reset(program):
    user = factories.make_user()
    give_passkey(user)
    return program.post(PATH.format(user.id))


CALLS = {"api.reset_passkeys": Call(reset, "passkey.reset")}


def test_a_user_without_passkeys_has_none_to_remove(admin_program):
    assert reset(admin_program).status_code == 204
    answer = admin_program.post(PATH.format(factories.make_user().id))
    assert problem_of(answer)[0] == 409
