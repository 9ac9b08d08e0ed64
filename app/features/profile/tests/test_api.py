"""The pictures of users in the API."""

from app.features.api.tests.programs import Call, admin_program, problem_of
from app.features.profile.services import pictures
from app.features.profile.tests.access import give_picture
from app.models import Permission
from tests import factories

__all__ = ["admin_program"]

ACCESS = {"api.remove_user_picture": Permission.MANAGE_USERS}
PATH = "/users/{}/picture"


def remove(program):
    return program.delete(PATH.format(give_picture(factories.make_user()).id))


CALLS = {"api.remove_user_picture": Call(remove, "user.picture_removed")}


def test_a_picture_is_removed_once(admin_program, make_user):
    user = give_picture(make_user())
    assert admin_program.delete(PATH.format(user.id)).status_code == 204
    assert not pictures.has_picture(user)
    again = admin_program.delete(PATH.format(user.id))
    assert problem_of(again) == (409, "wrong-state")
