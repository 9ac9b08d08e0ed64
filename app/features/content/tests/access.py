"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.routes import ANYONE
from tests.world import as_admin

ACCESS = {
    "main.about": ANYONE,
    "admin.update_editor_contents": Permission.MANAGE_CONTENT,
}


EVENTS = {
    "admin.update_editor_contents": (
        "page.edited",
        as_admin(
            "/admin/_update_editor_contents",
            form_at="/about",
            editor_name="about",
            edit_data="<p>New</p>",
        ),
    ),
}
FIELDS = {"/admin/_update_editor_contents": ("editor_name", "edit_data")}
CARDS = {Permission.MANAGE_CONTENT: "Edit this page"}
MENU = {Permission.MANAGE_CONTENT: "/about"}
