"""The mails of the outbox in the API."""

from app import emails
from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, get, problem_of
from app.kit.mail.email_message import EmailState
from app.models import Permission
from tests import factories

__all__ = ["admin_program"]

NAMES = ("list_emails", "get_email", "resend_email", "cancel_email", "resend_failed_emails")
ACCESS = {f"api.{name}": Permission.MANAGE_JOBS for name in NAMES}


def mail(state=EmailState.PENDING):
    row = emails.send_confirm(factories.make_user(confirmed=False))
    row.state = state
    db.session.commit()
    return row.id


def on_mail(method, path, state=EmailState.FAILED, *, event=""):
    return Call(lambda program: program.call(method, path.format(mail(state))), event)


CALLS = {
    "api.list_emails": get("/emails"),
    "api.get_email": on_mail("GET", "/emails/{}"),
    "api.resend_email": on_mail("POST", "/emails/{}/resend", event="email.resent"),
    "api.cancel_email": on_mail(
        "POST", "/emails/{}/cancel", EmailState.PENDING, event="email.cancelled"
    ),
    "api.resend_failed_emails": on_mail(
        "POST", "/emails/resend-failed", event="email.failed_resent"
    ),
}


def test_programs_list_mails_of_a_state_and_of_a_recipient(admin_program):
    failed, pending = mail(EmailState.FAILED), mail()
    found = admin_program.get("/emails").json
    assert [one["id"] for one in found["items"]] == [pending, failed]
    (one,) = admin_program.get("/emails?state=failed").json["items"]
    assert (one["id"], one["message"], one["state"]) == (failed, "confirm", "failed")
    recipient = found["items"][0]["recipient"]
    (one,) = admin_program.get(f"/emails?recipient={recipient}").json["items"]
    assert one["id"] == pending


def test_the_text_of_a_mail_has_no_working_link(admin_program):
    answer = admin_program.get(f"/emails/{mail()}")
    preview = answer.json["preview"]
    assert answer.json["subject"]
    assert "Confirm" in preview["html"]
    assert not preview["problem"]
    assert "confirm-account/hidden-in-this-preview" in preview["html"]


def test_a_program_sends_a_failed_mail_again_and_cancels_it(admin_program):
    email_id = mail(EmailState.FAILED)
    answer = admin_program.post(f"/emails/{email_id}/resend")
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    answer = admin_program.post(f"/emails/{email_id}/cancel")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    again = admin_program.post(f"/emails/{email_id}/cancel")
    assert problem_of(again) == (409, "email-changed")


def test_a_program_sends_all_failed_mails_again(admin_program):
    for _ in range(2):
        mail(EmailState.FAILED)
    assert admin_program.post("/emails/resend-failed").json == {"count": 2}
    assert admin_program.post("/emails/resend-failed").json == {"count": 0}
