"""Test an invitation to the email of a deleted account."""

import pytest

from app.models import User

NEW = "xK3#vQ9!mZ2p"


@pytest.mark.parametrize("path", ["/admin/new-user", "/admin/invite-user", "change-email"])
def test_an_administrator_is_told_that_a_deleted_account_has_the_address(
    client, admin, gone, make_user, path
):
    client.enter(admin)
    if path == "change-email":
        path = f"/admin/user/{make_user().id}/change-email"
    data = {"first_name": "G", "last_name": "G", "email": gone.email, "role": admin.role_id}
    page = client.submit(path, {**data, "password": NEW, "password2": NEW})
    assert "A deleted account has this email address" in page.text
    assert f'href="/admin/user/{gone.id}"' in page.text
    assert User.by_email(gone.email).id == gone.id
