"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.features.own_data import emails, exports
from app.models import Permission
from tests.routes import CONFIRMED
from tests.world import as_user, on_user

ACCESS = {
    "account.own_data": CONFIRMED,
    "account.download_own_data": CONFIRMED,
    "admin.collect_user_data": Permission.MANAGE_USERS,
}


def download(world):
    user, browser = world.as_user()
    exports.ask(user, by=user)
    exports.collect(user.id)
    return world.send(browser, "/account/manage/data/download", form_at="/account/manage/data")


EVENTS = {
    "account.own_data": ("data.asked", as_user("/account/manage/data")),
    "account.download_own_data": ("data.downloaded", download),
    "admin.collect_user_data": ("data.asked", on_user("collect-data")),
}
MAILS = {"own_data_ready": emails.send_own_data_ready}
NOT_OWN_DATA = {
    "data_exports": "is the request for this download",
}
