"""Test a role that gains permissions while a stranger's account has it."""

from dataclasses import replace

import pytest

from app.extensions import db
from app.features.roles import editing
from app.models import Role
from tests import factories
from tests.fixtures.strangers import OWN, STRANGERS, account, get_in
from tests.support import links, path_of


def give_the_role_more(by, staff):
    account().role = staff
    db.session.commit()
    editing.change(staff, replace(editing.values_of(staff), permissions=0x07), by=by)


@pytest.mark.parametrize("change", ["less", "default"])
def test_a_role_that_gives_them_no_more_than_strangers_get_leaves_passwords(
    change, app, stranger, staff, admin
):
    role = staff if change == "less" else Role.get_default()
    account().role = role
    db.session.commit()
    bits = 0x01 if change == "less" else role.permissions | 0x04
    editing.change(role, replace(editing.values_of(role), permissions=bits), by=admin)
    assert get_in(app.test_client(), STRANGERS)


def test_a_role_that_allows_more_mails_those_whose_password_is_void(
    stranger, app, staff, admin, outbox
):
    outbox.deliver()
    give_the_role_more(admin, staff)
    link = path_of(next(one for one in links(outbox.last_text()) if "/reset-password/" in one))
    client = app.test_client()
    client.submit(link, {"new_password": OWN, "new_password2": OWN})
    assert get_in(client, OWN)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_weaker_default_role_voids_passwords_of_the_former_one(
    is_new, stranger, app, admin, outbox
):
    """Any stranger could register with the former default role, and now it has more permissions."""
    outbox.deliver()
    former = Role.get_default()
    former.permissions |= 0x04
    db.session.commit()
    less = editing.Values("Guest", "main", 0x01, default=True)
    if is_new:
        editing.create(less, by=admin)
    else:
        editing.change(factories.make_role("Guest", permissions=0x01), less, by=admin)
    assert account().role is former
    assert not get_in(app.test_client(), STRANGERS)
    assert "/reset-password/" in outbox.last_text()


def test_a_default_role_that_allows_as_much_leaves_passwords(stranger, app, admin):
    editing.create(
        editing.Values("Member", "main", Role.get_default().permissions, default=True), by=admin
    )
    assert get_in(app.test_client(), STRANGERS)


def delete_the_role(by, staff):
    former = factories.make_role("Former")
    account().role = former
    db.session.commit()
    editing.delete(former, move_to=staff, by=by)


@pytest.mark.parametrize("give", [delete_the_role, give_the_role_more])
def test_an_account_whose_role_allows_more_is_not_the_strangers(give, assert_not_theirs):
    """SE-3, AD-2: the stranger's password, session and remember cookie stop working."""
    assert_not_theirs(give)
