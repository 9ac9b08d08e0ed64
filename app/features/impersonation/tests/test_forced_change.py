"""Test a forced change of password during an impersonation."""

import pytest

from app.services import user_access
from tests.support import PASSWORD

PAGE = "/account/manage/change-password"


@pytest.fixture
def forced(admin, make_user):
    user = make_user()
    user_access.require_password_change(user, by=admin)
    return user


def test_an_impersonating_administrator_is_not_asked(client, admin, forced):
    client.enter(admin)
    client.submit(f"/admin/user/{forced.id}/sign-in-as", {"password": PASSWORD})
    page = client.get("/")
    assert page.status_code == 200
    assert forced.full_name() in page.text
    assert client.get(PAGE).status_code == 403
    assert forced.must_change_password
