"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.features.deletion import emails
from app.kit.database import now
from app.models import Permission
from tests.routes import CONFIRMED
from tests.support import PASSWORD
from tests.world import as_user, on_user

ACCESS = {
    "account.delete_account": CONFIRMED,
    "admin.delete_user": Permission.MANAGE_USERS,
    "admin.restore_user": Permission.MANAGE_USERS,
}


def restore_user(world):
    return on_user("restore", user={"deleted_at": now()})(world)


EVENTS = {
    "account.delete_account": (
        "user.deleted",
        as_user("/account/manage/delete", password=PASSWORD),
    ),
    "admin.delete_user": ("user.deleted", on_user("delete")),
    "admin.restore_user": ("user.restored", restore_user),
}
MAILS = {
    "account_deleted": emails.send_account_deleted,
    "account_restored": emails.send_account_restored,
}
