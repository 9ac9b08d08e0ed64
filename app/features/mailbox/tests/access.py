"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.kit.mail.email_message import EmailState
from app.models import Permission
from tests.world import elsewhere

ACCESS = {
    "admin.emails": Permission.MANAGE_JOBS,
    "admin.email": Permission.MANAGE_JOBS,
    "admin.email_html": Permission.MANAGE_JOBS,
    "admin.resend_email": Permission.MANAGE_JOBS,
    "admin.cancel_email": Permission.MANAGE_JOBS,
    "admin.resend_failed_emails": Permission.MANAGE_JOBS,
}


def on_mail(path, state):
    return lambda world: world.send(world.browser, f"/admin/emails/{world.mail(state)}/{path}")


def resend_failed(world):
    world.mail(EmailState.FAILED)
    return world.send(world.browser, "/admin/emails/resend-failed")


EVENTS = {
    "admin.resend_email": ("email.resent", on_mail("resend", EmailState.FAILED)),
    "admin.cancel_email": ("email.cancelled", on_mail("cancel", EmailState.PENDING)),
    "admin.resend_failed_emails": ("email.failed_resent", resend_failed),
}
SHARED = {"email_id": "every user who manages mail sees all of it"}
HOSTILE = {"email_id": elsewhere}
