"""Edit a page where it stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.support import ADMIN, sign_in, sign_out

pytestmark = pytest.mark.browser


def test_an_administrator_edits_the_about_page(page: Page) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.goto("/about")
    page.get_by_text("Edit this page").click()
    editor = page.locator("[contenteditable=true]")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("All about us")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The page is saved")).to_be_visible()
    sign_out(page)
    page.goto("/about")
    expect(page.get_by_text("All about us")).to_be_visible()
