"""The page of the jobs refreshes itself while the server answers."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.support import ADMIN, sign_in

pytestmark = pytest.mark.browser


def test_a_page_asks_a_server_that_is_away_less_often_and_then_no_more(page: Page) -> None:
    page.clock.install()
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
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
