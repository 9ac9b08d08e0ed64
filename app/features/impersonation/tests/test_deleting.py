"""Test that an account cannot be deleted during an impersonation."""

import pytest

from app.models import UserSession
from app.services.own_account import NotWhileImpersonating
from tests.support import PASSWORD, module_of, needs

pytestmark = needs("deletion")
deletions = module_of("deletion", "deletions")

PATH = "/account/manage/delete"


def test_an_impersonating_administrator_cannot_delete_the_account(client, admin, make_user):
    user = make_user()
    client.enter(admin)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    token = client.csrf_token("/")
    page = client.post(PATH, data={"password": PASSWORD, "csrf_token": token})
    assert page.status_code == 403
    assert user.status == "active"
    user.session = UserSession(user=admin, user_id=admin.id)
    with pytest.raises(NotWhileImpersonating):
        deletions.delete_oneself(user, password=PASSWORD)
