"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.extensions import db
from app.features.approval import emails
from app.features.approval.models import RegistrationRequest
from app.kit.operations.table_models import TableOperation
from app.models import Permission
from tests.routes import CONFIRMED
from tests.world import HOSTILE as TEXT

ACCESS = {
    "account.awaiting_approval": CONFIRMED,
    "admin.approve_registration": Permission.MANAGE_USERS,
    "admin.refuse_registration": Permission.MANAGE_USERS,
    "admin.registrations": Permission.MANAGE_USERS,
    "admin.registrations_bulk": Permission.MANAGE_USERS,
    "admin.registrations_operation": Permission.MANAGE_USERS,
    "admin.registrations_operations": Permission.MANAGE_USERS,
    "admin.registrations_results": Permission.MANAGE_USERS,
}

OPEN_TO = {
    "account.awaiting_approval": "impersonating must_change_password",
}
MARKS = {
    "account.awaiting_approval": "explains_gate",
}


def make_waiting(world, **values):
    user = world.make_user(**values)
    db.session.add(RegistrationRequest(user_id=user.id))
    db.session.commit()
    return user


def approve(world):
    path = f"/admin/user/{make_waiting(world).id}/approve-registration"
    return world.send(world.browser, path, form_at="/")


def refuse(world):
    path = f"/admin/user/{make_waiting(world).id}/refuse-registration"
    return world.send(world.browser, path, reason="Not a member.")


def preview(world, **values):
    data = {"action": "approve", "row_ids": str(make_waiting(world, **values).id)}
    world.browser.submit("/admin/registrations/bulk", data, form_at="/")
    newest = db.select(TableOperation).order_by(TableOperation.id.desc()).limit(1)
    return db.session.scalars(newest).one()


def approve_many(world):
    path = f"/admin/registrations/bulk/{preview(world).id}"
    return world.send(world.browser, path, do="confirm")


EVENTS = {
    "admin.approve_registration": ("user.registration_approved", approve),
    "admin.refuse_registration": ("user.registration_refused", refuse),
    "admin.registrations_operation": ("user.registration_approved", approve_many),
}
WITHOUT_EVENT = {"admin.registrations_bulk": "a preview changes nothing"}
DOWNLOADS = {
    "admin.registrations_results": (
        "table_operation.downloaded",
        lambda world: f"/admin/registrations/bulk/{preview(world).id}/results.csv",
    )
}
OWNED = {"registrations_operation_id": preview}
HOSTILE = {
    "registrations_operation_id": lambda world: [preview(world, first_name=TEXT, last_name=TEXT).id]
}
MAILS = {
    "registration_approved": emails.send_registration_approved,
    "registration_refused": lambda user: emails.send_registration_refused(
        user, "Only members of the club can have an account."
    ),
    "registrations_waiting": lambda user: emails.send_registrations_waiting(user, count=3),
}
