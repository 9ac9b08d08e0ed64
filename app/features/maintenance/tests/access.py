"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.world import as_admin

ACCESS = {"admin.maintenance": Permission.ADMINISTER}
OPEN_TO = {"admin.maintenance": "maintenance"}
# The mode stays, because this process would remember another one in the tests after it.
FORM = {"mode": "off", "message": "We move to another server."}
EVENTS = {"admin.maintenance": ("maintenance.changed", as_admin("/admin/maintenance", **FORM))}
FIELDS = {"/admin/maintenance": ("mode", "message", "until", "seen")}
