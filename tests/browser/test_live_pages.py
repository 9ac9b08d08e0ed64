"""Pages that refresh themselves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from settings import product
from tests.support import needs

pytestmark = pytest.mark.browser

ADMIN = product.admin_email()


@needs("invitations", "jobs", "mailbox")
def test_mail_appears_where_someone_looks_and_the_page_says_when_it_stops(page: Page) -> None:
    page.goto("/account/login")
    page.locator("#email").fill(ADMIN)
    page.locator("#password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
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


@needs("jobs")
def test_a_page_asks_a_server_that_is_away_less_often_and_then_no_more(page: Page) -> None:
    page.clock.install()
    page.goto("/account/login")
    page.locator("#email").fill(ADMIN)
    page.locator("#password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto("/admin/jobs")
    notice = page.locator("[data-live-notice]")
    expect(notice).to_be_hidden()
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort("connectionrefused")

    page.route("**/admin/jobs", refuse)
    for number in range(8):
        with page.expect_event("requestfailed"):
            page.clock.fast_forward(2_000 * 2**number)
        if number == 0:
            expect(notice).to_contain_text("This page goes on when it can.")
    expect(notice).to_have_text(
        "The server cannot be reached, so this page no longer updates. Reload the page to go on."
    )
    page.clock.fast_forward(3_600_000)
    page.unroute("**/admin/jobs")
    assert len(asked) == 8
    page.reload()
    expect(notice).to_be_hidden()
