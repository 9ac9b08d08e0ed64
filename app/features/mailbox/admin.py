"""Admin views that list mails, preview one mail, and resend or cancel mails."""

from collections.abc import Callable

from flask import Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.extensions import db
from app.features.mailbox import outbox_pages, tables
from app.features.mailbox.outbox_pages import TooLate
from app.kit import outgoing
from app.kit.mail import outbox
from app.kit.mail.email_message import SENT_STATES, EmailMessage, EmailState
from app.kit.mail.rendering import subject_of
from app.kit.web import table_pages
from app.kit.web.forms.confirmation import ask_to_confirm
from app.kit.web.headers import CONTENT_SECURITY_POLICY, csp_nonce
from app.kit.web.live import is_live
from app.models import Permission
from app.sign_in import me

# A mail may use inline styles. Scripts, links and remote images are blocked, because a remote
# image would tell its sender that the mail was opened.
MAIL_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    )
)

job_managers_only = permission_required(Permission.MANAGE_JOBS)


@admin.get("/emails")
@job_managers_only
def emails() -> ResponseReturnValue:
    return table_pages.show(
        tables.mails, template="admin/emails.html", hold=outgoing.current_hold()
    )


@admin.get("/emails/<int:email_id>")
@job_managers_only
def email(email_id: int) -> ResponseReturnValue:
    row = _row_or_404(email_id)
    no_mail = outbox_pages.reason_against(row)
    page = render_template(
        "admin/email.html",
        row=row,
        subject=subject_of(row),
        preview=outbox_pages.preview(row),
        no_mail=no_mail,
        may_be_resent=outbox_pages.may_be_resent(row) and not no_mail,
        may_be_cancelled=row.state == EmailState.PENDING,
        live=is_live(),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(
        scripts=f"'nonce-{csp_nonce()}'", frames="'self'"
    )
    return response


@admin.get("/emails/<int:email_id>/html")
@job_managers_only
def email_html(email_id: int) -> ResponseReturnValue:
    """Return the HTML of a mail, for the iframe on its page."""
    response = Response(outbox_pages.preview(_row_or_404(email_id)).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


@admin.route("/emails/<int:email_id>/resend", methods=["GET", "POST"])
@job_managers_only
def resend_email(email_id: int) -> ResponseReturnValue:
    row = _row_or_404(email_id)
    text = f"It goes to {row.recipient} as soon as the worker and the mail server answer, and is "
    text += "tried as often as a new one."
    if row.state in set(SENT_STATES):
        text = f"{row.recipient} gets a second copy, with links that are new. Links in the first "
        text += "one may stop working."
    if no_mail := outbox_pages.reason_against(row):
        text = f"No mail goes to {row.recipient}: {no_mail}. The mail would be cancelled again."
    return _ask_and_do(
        outbox_pages.resend,
        row,
        title=f"Send “{subject_of(row)}” again?",
        text=text,
        button="Send again",
        done=f"The mail to {row.recipient} is on its way again.",
    )


@admin.route("/emails/<int:email_id>/cancel", methods=["GET", "POST"])
@job_managers_only
def cancel_email(email_id: int) -> ResponseReturnValue:
    row = _row_or_404(email_id)
    return _ask_and_do(
        outbox_pages.cancel,
        row,
        title=f"Keep “{subject_of(row)}” from being sent?",
        text=f"{row.recipient} does not get it. You can send it again later.",
        button="Cancel the mail",
        done=f"The mail to {row.recipient} is cancelled.",
        danger=True,
    )


def _ask_and_do(
    action: Callable[..., None],
    row: EmailMessage,
    *,
    title: str,
    text: str,
    button: str,
    done: str,
    danger: bool = False,
) -> ResponseReturnValue:
    """Ask whether to do an action on a mail, and do it once that is confirmed."""
    back = url_for("admin.email", email_id=row.id)
    trail = [(url_for("admin.emails"), "Mail"), (back, subject_of(row))]
    if page := ask_to_confirm(
        title=title, text=text, button=button, back=back, trail=trail, danger=danger
    ):
        return page
    try:
        action(row.id, by=me())
    except TooLate:
        flash("Its state has changed, so nothing was done. Reload the page.", "error")
    else:
        flash(done, "success")
    return redirect(back)


@admin.route("/emails/resend-failed", methods=["GET", "POST"])
@job_managers_only
def resend_failed_emails() -> ResponseReturnValue:
    back = url_for("admin.emails", state=EmailState.FAILED)
    failed = outbox.statistics()["failed"]
    if page := ask_to_confirm(
        title=f"Send {_mails(failed, 'failed')} again?",
        text="Do this once the cause is fixed: the reason stands beside "
        "each. Each is tried as often as a new one.",
        button="Send all again",
        back=back,
        trail=[(back, "Mail")],
        danger=False,
    ):
        return page
    count = outbox_pages.resend_failed(by=me())
    flash(f"{_mails(count)} {'is' if count == 1 else 'are'} on the way again.", "success")
    return redirect(back)


def _mails(number: int, kind: str = "") -> str:
    words = [f"{number:,}", kind, "mail" if number == 1 else "mails"]
    return " ".join(word for word in words if word)


def _row_or_404(email_id: int) -> EmailMessage:
    return db.get_or_404(EmailMessage, email_id)
