"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from sqlalchemy import select

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.kit.operations import OperationState
from app.models import Permission
from tests.world import HOSTILE as TEXT

ACCESS = {
    "admin.bulk_operations": Permission.MANAGE_USERS,
    "admin.preview_bulk": Permission.MANAGE_USERS,
    "admin.bulk_operation": Permission.MANAGE_USERS,
    "admin.continue_bulk": Permission.MANAGE_USERS,
    "admin.stop_bulk": Permission.MANAGE_USERS,
    "admin.bulk_results": Permission.MANAGE_USERS,
}


def previewed(world):
    data = {"action": "suspend", "user_ids": str(world.make_user().id)}
    world.browser.submit("/admin/users/bulk", data, form_at="/")
    return db.session.scalars(select(BulkOperation)).one()


def confirm(world):
    return world.send(world.browser, f"/admin/users/bulk/{previewed(world).id}")


def on_bulk(path, state):
    def send(world):
        operation = previewed(world)
        operation.state = state
        db.session.commit()
        return world.send(world.browser, f"/admin/users/bulk/{operation.id}/{path}", form_at="/")

    return send


def owned(world):
    return bulk.preview("suspend", by=world.admin, user_ids=[world.make_user().id])


def hostile_operation(world):
    user = world.make_user(first_name=TEXT, last_name=TEXT)
    return [bulk.preview("suspend", by=world.admin, user_ids=[user.id]).id]


EVENTS = {
    "admin.bulk_operation": ("user.suspended", confirm),
    "admin.stop_bulk": ("bulk.stopped", on_bulk("stop", OperationState.QUEUED)),
    "admin.continue_bulk": ("bulk.continued", on_bulk("continue", OperationState.CANCELLED)),
}
WITHOUT_EVENT = {
    "admin.preview_bulk": "a preview: what is done is recorded once it is confirmed",
}
DOWNLOADS = {
    "admin.bulk_results": (
        "bulk.downloaded",
        lambda world: f"/admin/users/bulk/{previewed(world).id}/results.csv",
    ),
}
OWNED = {"operation_id": owned}
HOSTILE = {"operation_id": hostile_operation}
NOT_OWN_DATA = {
    "bulk_operations": "the work of administrators; the activity names it",
    "bulk_items": "the work of administrators; the activity names its effects",
}
