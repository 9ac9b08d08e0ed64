"""A request with a token is held to the token's scopes and access, whatever code runs."""

import pytest
from sqlalchemy import select, update

from app.extensions import db
from app.features.api import tokens
from app.features.api.read_only import ReadOnlyToken
from app.features.api.tests.support import secret_of
from app.models import AuditEvent, Permission, Role, User
from app.services import policy, users
from app.services.policy import InsufficientPrivileges, PrivilegesLost
from tests import factories

CUSTOM = 2**16  # a permission that a product has added


def held(user, **values):
    """Return the user as a request with a token sees them."""
    return tokens.find(secret_of(user, **values)).user


def test_a_token_has_the_scopes_that_the_role_has_too(app, admin, make_user):
    user = held(admin, scopes=Permission.MANAGE_USERS)
    assert user.can(Permission.MANAGE_USERS)
    assert not user.can(Permission.VIEW_AUDIT)
    assert not user.can_any(Permission.VIEW_AUDIT | Permission.MANAGE_JOBS)
    assert not user.is_admin()


def test_all_bits_one_by_one_make_no_administrator(app, admin):
    every = secret_of(admin, scopes=Permission.ADMINISTER)
    scopes = sum(bit for bit in Permission if bit.bit_count() == 1)
    assert not held(admin, scopes=scopes).is_admin()
    assert tokens.find(every).user.is_admin()


def test_an_administrator_gives_a_permission_of_the_product(app, admin):
    user = held(admin, scopes=CUSTOM)
    assert user.can(CUSTOM)
    assert not user.can(2 * CUSTOM)
    assert not user.can(Permission.MANAGE_USERS)


def test_a_role_that_shrinks_takes_from_the_token_at_once(app, admin, make_user):
    role = factories.make_role("Support", int(Permission.GENERAL | Permission.MANAGE_USERS))
    user = make_user(role="Support")
    secret = secret_of(user)
    role.permissions = int(Permission.GENERAL | Permission.VIEW_AUDIT)
    db.session.commit()
    found = tokens.find(secret).user
    assert not found.can(Permission.MANAGE_USERS)
    assert not found.can(Permission.VIEW_AUDIT)
    assert found.can(Permission.GENERAL)


def test_the_policy_sees_the_scopes(app, admin, make_user):
    user = held(admin, scopes=Permission.MANAGE_USERS)
    assert policy.may_grant(user, int(Permission.GENERAL | Permission.MANAGE_USERS))
    assert not policy.may_grant(user, int(Permission.ADMINISTER))
    names = db.session.scalars(select(Role.name).where(policy.assignable(user))).all()
    assert "Administrator" not in names
    assert "User" in names


def test_a_service_refuses_an_administrator_without_the_scope(app, admin, make_user):
    other = make_user()
    user = held(admin, scopes=Permission.VIEW_AUDIT)
    with pytest.raises(PrivilegesLost):
        users.suspend(other, by=user)
    assert db.session.get_one(User, other.id).is_active


def test_a_token_cannot_touch_users_beyond_its_scopes(app, admin, make_user):
    """The scopes hold after the service has locked and refreshed its actor and all roles."""
    other = make_user(role="Administrator")
    user = held(admin, scopes=Permission.MANAGE_USERS)
    with pytest.raises(InsufficientPrivileges):
        users.suspend(other, by=user)
    role = db.session.scalars(select(Role).where(Role.name == "Administrator")).one()
    plain = make_user()
    with pytest.raises(InsufficientPrivileges):
        users.change_role(plain, role=role, by=user)
    assert plain.role.name == "User"


def test_a_token_gives_no_token_more_than_it_has(app, admin):
    user = held(admin, scopes=Permission.MANAGE_USERS)
    with pytest.raises(InsufficientPrivileges):
        secret_of(user, scopes=Permission.VIEW_AUDIT)


def test_a_token_with_the_scope_does_what_the_page_does(app, admin, make_user):
    other = make_user()
    users.suspend(other, by=held(admin, scopes=Permission.MANAGE_USERS))
    assert db.session.get_one(User, other.id).is_suspended


# A token that only reads


def reader(admin):
    return held(admin, access="read")


def test_a_reader_reads(app, admin, make_user):
    other = make_user()
    user = reader(admin)
    assert user.can(Permission.MANAGE_USERS)
    assert db.session.scalar(select(User.email).where(User.id == other.id)) == other.email


def test_a_service_cannot_write_for_a_reader(app, admin, make_user):
    other = make_user()
    user = reader(admin)
    with pytest.raises(ReadOnlyToken):
        users.suspend(other, by=user)
    db.session.rollback()
    assert db.session.get_one(User, other.id).is_active


def test_no_statement_and_no_new_row_passes(app, admin, make_user):
    reader(admin)
    with pytest.raises(ReadOnlyToken):
        db.session.execute(update(User).values(first_name="X"))
    db.session.add(Role(name="New"))
    with pytest.raises(ReadOnlyToken):
        db.session.commit()
    db.session.rollback()


def test_an_event_of_a_download_passes(app, admin):
    reader(admin)
    db.session.add(AuditEvent(action="user.exported"))
    db.session.commit()


def test_the_next_request_writes(app, admin, make_user):
    secret = secret_of(admin)
    reader(admin)
    db.session.remove()
    other = make_user()
    users.suspend(other, by=tokens.find(secret).user)
    assert other.is_suspended
