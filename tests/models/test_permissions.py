"""Bits, and the roles that hold them."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.models import AnonymousUser, Permission, Role, User
from app.models.role import PERMISSION_TEXTS
from app.services import roles
from tests.factories import make_role

EDIT, PUBLISH = 0x02, 0x04


@pytest.mark.parametrize(
    ("held", "asked", "granted"),
    [
        (0x01, 0x01, True),
        (0x01, 0x02, False),
        (0x06, 0x02, True),
        (0x06, 0x03, False),
        (0x7F, 0xFF, False),
        (0xFF, 0xFF, True),
        (0xFF, 0x100, True),
        (0x1FF, 0xFF, True),
        (0x100, 0xFF, False),
        (0xFF, 0, False),
        (0, 0, False),
        (0, 0x01, False),
        (-1, 0x01, False),
        (-1, 0xFF, False),
        (0xFF, -1, False),
        (0x01, -1, False),
        (2**40, 2**40, True),
        (2**40, 0x01, False),
    ],
)
def test_bits_grant_what_they_hold_and_no_more(held, asked, granted):
    """AZ-4"""
    assert Permission.grants(held, asked) is granted


@pytest.mark.parametrize(
    ("held", "asked", "granted"),
    [
        (0x01, 0x03, True),
        (0x01, 0x06, False),
        (0xFF, 0x100, True),
        (0x7F, 0x80, False),
        (0x80, 0x80, False),
        (0x100, 0x180, True),
        (0, 0x01, False),
        (0x01, 0, False),
        (-1, 0x01, False),
        (0x01, -1, False),
    ],
)
def test_one_of_several_bits_is_enough_where_that_is_asked(held, asked, granted):
    """AZ-4"""
    assert Permission.grants_any(held, asked) is granted


def test_every_permission_has_a_bit_of_its_own_a_name_and_a_sentence():
    """Otherwise nobody could be given it on the pages of roles."""
    assert {*Permission, Permission.ADMINISTER} <= set(PERMISSION_TEXTS)
    names = [text.name for text in PERMISSION_TEXTS.values()]
    assert len(set(names)) == len(names)
    for bit, text in PERMISSION_TEXTS.items():
        assert bit == Permission.ADMINISTER or bit.bit_count() == 1, text.name
        assert bit != 0x80, "that belongs to ADMINISTER alone"
        assert text.sentence.endswith(".")


def test_the_kits_own_permissions_open_the_admin_and_no_others():
    assert Permission.management() == 0x7E


def test_bits_are_told_by_name():
    assert Permission.names(0x11) == ["General", "Manage content"]
    assert Permission.names(0x1FF) == ["Administer"]
    assert Permission.names(0x80) == ["0x80"]
    assert Permission.names(0) == []


def test_every_other_bit_together_does_not_make_an_administrator(app):
    """AZ-4"""
    assert not make_role("Nearly all", 0x7F).is_administrator
    assert make_role("All", 0xFF).is_administrator
    assert not make_role("None", 0).is_administrator


@pytest.mark.parametrize("permissions", [0, 1, 0x7F, 0x80, 0xFF, 0x1FF, 0x100, 2**30])
def test_the_database_finds_the_administrators_that_python_finds(app, permissions):
    """AZ-4, AD-1"""
    role = make_role("Odd", permissions)
    found = db.session.scalar(select(Role.id).where(Role.administrators(), Role.id == role.id))
    assert (found is not None) == role.is_administrator


def test_someone_without_a_role_may_do_nothing(app, make_user):
    user = make_user()
    user.role = None
    db.session.commit()
    assert not user.can(Permission.GENERAL)
    assert not user.is_admin()


def test_a_stranger_may_do_nothing():
    nobody = AnonymousUser()
    assert not any(nobody.can(bits) for bits in (0, 1, 0xFF, -1))
    assert not nobody.is_admin()
    assert not nobody.confirmed


def test_a_new_user_gets_the_default_role_whatever_address_they_have(app):
    user = User(email=app.config["ADMIN_EMAIL"])
    assert user.role.name == "User"
    assert user.can(Permission.GENERAL)
    assert not user.is_admin()


def test_inserting_the_roles_again_keeps_what_was_made_of_them(app):
    count = db.session.query(Role).count()
    role = db.session.scalar(select(Role).where(Role.name == "User"))
    role.permissions, role.index = Permission.GENERAL | Permission.VIEW_AUDIT, "admin"
    administrator = db.session.scalar(select(Role).where(Role.name == "Administrator"))
    administrator.permissions = 1
    db.session.commit()
    roles.insert()
    roles.insert()
    assert db.session.query(Role).count() == count
    assert (role.permissions, role.index) == (0x21, "admin")
    assert administrator.permissions == Permission.ADMINISTER


def test_inserting_the_roles_leaves_roles_of_ones_own_alone(app):
    make_role("Editor", EDIT | PUBLISH)
    roles.insert()
    editor = db.session.scalar(select(Role).where(Role.name == "Editor"))
    assert editor.permissions == EDIT | PUBLISH
    assert db.session.query(Role).filter(Role.default).count() == 1
