"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests import factories
from tests.world import HOSTILE as TEXT
from tests.world import as_admin

ACCESS = {
    "admin.roles": Permission.MANAGE_ROLES,
    "admin.new_role": Permission.MANAGE_ROLES,
    "admin.role": Permission.MANAGE_ROLES,
    "admin.delete_role": Permission.MANAGE_ROLES,
}


def edit_role(world):
    role = factories.make_role("Editor", permissions=1)
    return world.send(
        world.browser, f"/admin/roles/{role.id}", name="Writer", index="main", permissions="1"
    )


def delete_role(world):
    role = factories.make_role("Editor", permissions=1)
    return world.send(world.browser, f"/admin/roles/{role.id}/delete")


EVENTS = {
    "admin.new_role": (
        "role.created",
        as_admin("/admin/roles/new", name="Editor", index="main", permissions="1"),
    ),
    "admin.role": ("role.changed", edit_role),
    "admin.delete_role": ("role.deleted", delete_role),
}
SHARED = {"role_id": "every user who manages roles sees all of them"}
HOSTILE = {"role_id": lambda _world: [factories.make_role(f"Role {TEXT}").id]}
CARDS = {Permission.MANAGE_ROLES: 'id="roles"'}
MENU = {Permission.MANAGE_ROLES: "/admin/roles"}
