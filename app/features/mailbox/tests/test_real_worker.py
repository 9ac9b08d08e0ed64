"""Test the pages of mails with a real worker."""

import pytest

from app.kit.mail.email_message import EmailMessage
from tests import factories
from tests.queue.support import shows

pytestmark = pytest.mark.usefixtures("example_tasks")


def test_a_mail_that_failed_is_resent_once_its_cause_is_mended(
    web, admin_browser, start_worker, smtp
):
    smtp.script.append("rcpt 550 no such mailbox")
    start_worker()
    user = factories.make_user()
    web.test_client().submit("/account/reset-password", {"email": user.email})
    shows(admin_browser, "/admin/emails?state=failed", "no such mailbox", user.email)
    (row,) = EmailMessage.query
    assert "no such mailbox" in admin_browser.get(f"/admin/emails/{row.id}").text

    admin_browser.submit(f"/admin/emails/{row.id}/resend")
    assert smtp.wait_for(1)[0]["To"] == row.recipient
    shows(admin_browser, "/admin/emails?state=sent", row.recipient)
