"""Permission bits, and the roles that hold them."""

import re
from enum import IntFlag, unique
from pathlib import Path

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.permissions import (
    FIRST_BIT_OF_A_COPY,
    LAST_BIT_OF_A_COPY,
    PermissionText,
    check_permissions,
)
from app.models import AnonymousUser, Permission, Role, User
from app.models import role as role_module
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
    """Otherwise no administrator could assign it on the pages of roles."""
    assert {*Permission, Permission.ADMINISTER} <= set(PERMISSION_TEXTS)
    names = [text.name for text in PERMISSION_TEXTS.values()]
    assert len(set(names)) == len(names)
    for bit, text in PERMISSION_TEXTS.items():
        assert bit == Permission.ADMINISTER or bit.bit_count() == 1, text.name
        assert bit != 0x80, "that belongs to ADMINISTER alone"
        assert text.sentence.endswith(".")


KIT = {
    *("GENERAL", "MANAGE_JOBS", "MANAGE_USERS", "MANAGE_ROLES", "MANAGE_CONTENT"),
    *("VIEW_AUDIT", "IMPERSONATE", "ADMINISTER"),
}


def test_the_bits_of_the_kit_and_of_a_copy_never_meet():
    """A merge once gave two permissions the bit 0x100, and Python made them aliases."""
    for name, permission in Permission.__members__.items():
        is_own = permission >= FIRST_BIT_OF_A_COPY
        assert is_own == (name not in KIT), (
            f"{name}: a copy's own permissions begin at 2**16, and the kit's end there. "
            "One that the kit gains is named in KIT of this test."
        )


def test_two_permissions_with_one_bit_stop_the_start():
    source = Path(role_module.__file__).read_text()
    merged = re.sub("    ADMINISTER = ", r"    HOOKS = 2**16\n    ANSWERS = 2**16\n\g<0>", source)
    assert merged.count("ANSWERS") == 1
    permission = merged[merged.index("@unique") :].partition("PERMISSION_TEXTS: ")[0]
    with pytest.raises(ValueError, match="ANSWERS -> "):
        exec(permission, {"IntFlag": IntFlag, "unique": unique})  # noqa: S102


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({0x80: "Odd"}, "one bit of its own"),
        ({2**16 | 2**17: "Odd"}, "one bit of its own"),
        ({2**30: "Odd"}, "one bit of its own"),
        ({2**40: "Odd"}, "one bit of its own"),
        ({2**16: "General"}, "same name"),
        ({Permission.GENERAL: None}, "GENERAL needs a text"),
    ],
)
def test_permissions_that_cannot_be_given_stop_the_start(texts, said):
    told = PERMISSION_TEXTS | {
        bits: PermissionText(name, "A sentence.") for bits, name in texts.items() if name
    }
    for bits, name in texts.items():
        if name is None:
            del told[bits]
    with pytest.raises(ValueError, match=said):
        check_permissions(Permission, told, every=Permission.ADMINISTER)


@pytest.mark.parametrize("bit", [FIRST_BIT_OF_A_COPY, LAST_BIT_OF_A_COPY])
def test_the_database_holds_the_bits_of_a_copy(app, bit):
    role = make_role("Publisher", 0x01 | bit)
    db.session.expire_all()
    assert role.permissions == 0x01 | bit
    found = select(Role.id).where(Role.permissions.bitwise_and(bit) == bit, Role.id == role.id)
    assert db.session.scalar(found)
    assert Permission.grants(Permission.ADMINISTER, bit)


def test_the_kits_own_permissions_open_the_admin_and_no_others():
    assert Permission.management() & (FIRST_BIT_OF_A_COPY - 1) == 0x7E


def test_bits_are_listed_by_name():
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


def test_the_database_finds_the_users_with_a_permission_that_python_finds(app, make_user):
    for held in (0x02, 0x06, 0x7F, 0xFF, 0x100):
        make_role(f"Role {held}", held)
        make_user(role=f"Role {held}")
    make_user(role="Administrator", suspended=True)
    make_user(role="Administrator", confirmed=False)
    users = db.session.scalars(select(User)).all()
    for asked in (0x02, 0x04, 0xFF, 0x100, 0x102):
        found = set(db.session.scalars(select(User.id).where(User.active_with(asked))))
        assert found == {one.id for one in users if one.status == "active" and one.can(asked)}
        assert found


def test_a_user_without_a_role_has_no_permission(app, make_user):
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


def test_inserting_the_roles_keeps_custom_roles(app):
    make_role("Editor", EDIT | PUBLISH)
    roles.insert()
    editor = db.session.scalar(select(Role).where(Role.name == "Editor"))
    assert editor.permissions == EDIT | PUBLISH
    assert db.session.query(Role).filter(Role.default).count() == 1
