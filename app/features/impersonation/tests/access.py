"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.routes import SIGNED_IN
from tests.support import PASSWORD
from tests.world import on_user

ACCESS = {
    "account.stop_acting": SIGNED_IN,
    "admin.sign_in_as": Permission.IMPERSONATE,
}
MARKS = {
    "account.stop_acting": "open_to_every_gate",
}


def stop_acting(world):
    user = world.make_user()
    world.send(world.browser, f"/admin/user/{user.id}/sign-in-as", password=PASSWORD)
    return world.send(world.browser, "/account/stop-acting", form_at="/")


EVENTS = {
    "account.stop_acting": ("session.impersonation_ended", stop_acting),
    "admin.sign_in_as": (
        "session.impersonation_started",
        on_user("sign-in-as", reason="To help", password=PASSWORD),
    ),
}
WITHOUT_API = {"admin.sign_in_as": "signs a browser in; a program acts for the owner of its token"}
