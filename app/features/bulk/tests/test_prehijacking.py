"""Test bulk actions on an account that a stranger registered."""

import pytest

from app.features import bulk
from tests.fixtures.strangers import COLLEAGUE, account


def test_a_bulk_confirmation_always_sends_the_link(stranger, client, admin, outbox):
    """The page promises a link to each user, who would not learn of the void password otherwise."""
    outbox.deliver()
    operation = bulk.preview("confirm", by=admin, user_ids=[account().id])
    client.enter(admin)
    page = client.get(f"/admin/users/bulk/{operation.id}").text
    assert "each gets a link" in page
    assert "Notify them by email" not in page
    bulk.confirm(operation, by=admin, tell=False)
    bulk.run(operation.id)
    assert "/reset-password/" in outbox.last_text()


@pytest.mark.parametrize("tell", [True, False])
def test_a_bulk_change_of_role_tells_users_that_their_password_is_void(
    tell, stranger, make_user, staff, admin, outbox
):
    """Without the checkbox, only the accounts with a void password get a mail."""
    outbox.deliver()
    confirmed = make_user()
    operation = bulk.preview(
        "change_role", by=admin, user_ids=[account().id, confirmed.id], role=staff
    )
    bulk.confirm(operation, by=admin, tell=tell)
    bulk.run(operation.id)
    assert operation.done == 2
    mails = {mail["To"]: mail for mail in outbox.deliver()}
    assert set(mails) == ({COLLEAGUE, confirmed.email} if tell else {COLLEAGUE})
    assert "/account/reset-password" in mails[COLLEAGUE].get_body(("plain",)).get_content()


def change_role_in_bulk(by, staff):
    in_bulk("change_role", by, staff)


def confirm_in_bulk(by, _staff):
    in_bulk("confirm", by, None)


def in_bulk(action, by, role):
    operation = bulk.preview(action, by=by, user_ids=[account().id], role=role)
    bulk.confirm(operation, by=by)
    bulk.run(operation.id)
    assert operation.done == 1


@pytest.mark.parametrize(
    ("give", "then"),
    [
        (change_role_in_bulk, {}),
        (confirm_in_bulk, {"gives_role": False, "confirms": True}),
    ],
)
def test_an_account_that_is_changed_in_bulk_is_not_the_strangers(give, then, assert_not_theirs):
    """SE-3, AD-2: the stranger's password, session and remember cookie stop working."""
    assert_not_theirs(give, **then)
