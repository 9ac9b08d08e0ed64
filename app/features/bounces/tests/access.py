"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.extensions import db
from app.features.bounces.models import Reason, SuppressedAddress
from app.models import Permission
from tests.routes import ANYONE
from tests.world import HOSTILE as TEXT
from tests.world import as_admin

LIST = "/admin/suppressed-addresses"
ACCESS = {
    "admin.suppressed_addresses": Permission.MANAGE_JOBS,
    "admin.add_suppressed_address": Permission.MANAGE_JOBS,
    "admin.remove_suppressed_address": Permission.MANAGE_JOBS,
    "bounces.receive": ANYONE,  # with the secret of the setting, which is no user's
}
SETTINGS = {"BOUNCES_TOKEN": "a-token-for-the-tests-of-all-routes"}


def suppress(email="gone@example.com", reason=Reason.BOUNCED, detail="550 no such user"):
    row = SuppressedAddress(email=email, reason=reason, detail=detail)
    db.session.add(row)
    db.session.commit()
    return row


def remove(world):
    return world.send(world.browser, f"{LIST}/{suppress().id}/remove")


EVENTS = {
    "admin.add_suppressed_address": (
        "suppression.added",
        as_admin(f"{LIST}/new", email="gone@example.com", detail="Asked by telephone"),
    ),
    "admin.remove_suppressed_address": ("suppression.removed", remove),
}
SHARED = {
    "address_id": "every user who manages mail sees all of them",
    "secret": "the secret is that of the setting, and names no row",
    "service": "the name is that of a mail service, and names no row",
}
HOSTILE = {"address_id": lambda _world: [suppress(detail=TEXT).id]}
FIELDS = {f"{LIST}/new": ("email", "detail")}
