"""Pages that refresh themselves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.support import ADMIN, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser


@needs("invitations", "jobs", "mailbox")
def test_mail_appears_where_someone_looks_and_the_page_says_when_it_stops(page: Page) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.goto("/admin/jobs")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    expect(page.get_by_text("No worker is running")).to_have_count(0)

    page.goto("/admin/emails")
    page.evaluate("document.documentElement.dataset.marker = 'still here'")
    other = page.context.new_page()
    other.goto("/admin/invite-user")
    other.locator("#first_name").fill("Barbara")
    other.locator("#last_name").fill("Liskov")
    other.locator("#email").fill("barbara@example.com")
    other.get_by_role("button", name="Send invitation").click()
    row = page.get_by_role("row").filter(has_text="barbara@example.com")
    expect(row).to_contain_text("Sent")
    assert page.evaluate("document.documentElement.dataset.marker") == "still here"

    row.get_by_role("link").click()
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("hidden-in-this-preview")).to_be_visible()
    assert frame.locator("[href]").count() == 0

    page.goto("/admin/jobs")
    page.get_by_role("link", name="Queued").focus()
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/admin/jobs"))
    expect(page.get_by_role("link", name="Queued")).to_be_focused()
    other.context.clear_cookies()
    expect(page.get_by_text("You are signed out, so this page no longer updates.")).to_be_visible()
