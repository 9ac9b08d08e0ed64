"""Test an import with the email of an account that a stranger registered."""

import io

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.imports import PEOPLE
from app.kit import imports
from app.models import Role
from app.services import users
from app.services.policy import InsufficientPrivileges
from tests.fixtures.strangers import COLLEAGUE, OWN, account, get_in
from tests.support import PASSWORD, links, module_of, needs, path_of

invitations = module_of("invitations", "invitations")


def change_role(by, staff):
    users.change_role(account(), role=staff, by=by)


def by_import(by, mode, *, update=False):
    file = io.BytesIO(f"Email,First name,Role\n{COLLEAGUE},Col,Staff\n".encode())
    row = imports.upload(PEOPLE, file, name="people.csv", by=by)
    options = {"has_header": True, "mode": mode, "update_existing": update, "role_id": row.role_id}
    imports.choose(row, mapping=row.mapping, by=by, **options)
    imports.run(row, check=row.checks, keep_good=False, by=by)
    assert row.state == "finished"
    return row


def update_by_import(by, _staff):
    by_import(by, "update")


def invite_by_import(by, _staff):
    assert by_import(by, "invite").counts == {"invited": 1}


def invite(by, staff):
    invitations.invite(first_name="Col", last_name="League", email=COLLEAGUE, role=staff, by=by)


def test_an_import_that_creates_accounts_leaves_an_unconfirmed_one_as_it_is(stranger, staff, admin):
    """The import gives the account nothing, so its password may stay."""
    assert by_import(admin, "create").counts == {"unchanged": 1}
    assert account().role.name == "User"


@needs("invitations")
@pytest.mark.parametrize("give", [invite, invite_by_import])
def test_an_address_that_a_stranger_holds_can_be_invited(give, stranger, app, staff, admin, outbox):
    outbox.deliver()
    give(admin, staff)
    user = account()
    assert user.status == "invited"
    assert user.first_name == "Col", "not what the stranger called it"
    assert user.invited_by_id == admin.id
    invitation = outbox.last_text()
    assert "Theirs" not in invitation
    client = app.test_client()
    link = next(one for one in links(invitation) if "/join-from-invite/" in one)
    client.submit(path_of(link), {"password": OWN, "password2": OWN})
    client.sign_in(COLLEAGUE, OWN)
    assert account().role.name == "Staff"


@needs("invitations")
def test_nobody_takes_over_an_unconfirmed_account_above_themselves(make_user, staff, admin):
    """AZ-4: neither by an invitation nor by an import."""
    user = make_user(email=COLLEAGUE, confirmed=False, role="Administrator")
    manager = make_user(role="Staff")
    with pytest.raises(InsufficientPrivileges):
        invite(manager, staff)
    db.session.rollback()
    file = io.BytesIO(f"Email,Role\n{COLLEAGUE},Staff\n".encode())
    row = imports.upload(PEOPLE, file, name="x.csv", by=manager)
    imports.choose(
        row,
        mapping=row.mapping,
        has_header=True,
        mode="invite",
        update_existing=False,
        role_id=staff.id,
        by=manager,
    )
    assert row.counts == {"problem": 1}
    db.session.refresh(user)
    assert user.is_admin()
    assert user.password_hash


def test_a_confirmed_account_keeps_its_password(app, make_user, staff, admin):
    user = make_user(email=COLLEAGUE)
    for give in (change_role, update_by_import):
        give(admin, staff)
        assert get_in(app.test_client(), PASSWORD)
        user.role = db.session.scalar(select(Role).where(Role.name == "User"))
        db.session.commit()


def invite_and_update_by_import(by, _staff):
    assert by_import(by, "invite", update=True).counts == {"invited": 1}


def create_and_update_by_import(by, _staff):
    by_import(by, "create", update=True)


@pytest.mark.parametrize(
    "give",
    [
        update_by_import,
        create_and_update_by_import,
        *((invite_by_import, invite_and_update_by_import) if invitations else ()),
    ],
)
def test_an_account_that_an_import_changes_is_not_the_strangers(give, assert_not_theirs):
    """SE-3, AD-2: the stranger's password, session and remember cookie stop working."""
    assert_not_theirs(give)
