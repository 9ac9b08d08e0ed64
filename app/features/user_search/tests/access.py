"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission

ACCESS = {
    "admin.choose_columns": Permission.MANAGE_USERS,
    "admin.export_users": Permission.MANAGE_USERS,
}


WITHOUT_EVENT = {"admin.choose_columns": "a cookie that says how to look at a list"}
DOWNLOADS = {"admin.export_users": ("user.exported", lambda _world: "/admin/users/export.csv")}
