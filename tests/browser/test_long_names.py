"""Names of the maximum length, and menus opened and closed with the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.support import ADMIN, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser

ROLE = "W" * 64
EMAIL = "w" * 60 + "@" + "w" * 35 + ".com"


@pytest.fixture
def manager(page: Page) -> Iterator[Page]:
    """Sign in as an administrator, who is removed after the test."""
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    page.goto("/admin/roles/new")
    page.get_by_label("Name").fill(ROLE)
    page.get_by_role("button", name="Save role").click()
    page.wait_for_url("**/admin/roles")
    page.goto("/admin/invite-user")
    page.get_by_label("Role").select_option(label=ROLE)
    page.get_by_label("First name").fill("W" * 64)
    page.get_by_label("Last name").fill("M" * 64)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_role("button", name="Send invitation").click()
    page.wait_for_url("**/admin/user/*")
    person = page.url
    yield page
    page.goto(f"{person}/revoke-invite")
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_url("**/admin/invitations**")
    page.goto("/admin/roles")
    page.get_by_role("link", name=ROLE).first.click()
    page.get_by_role("link", name="Delete role").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/admin/roles")


@needs("audit", "invitations", "mailbox", "roles")
def test_no_name_however_long_widens_a_page_or_a_panel(manager: Page) -> None:
    person = manager.url
    manager.goto("/admin/roles")
    manager.get_by_role("link", name=ROLE).first.click()
    role = manager.url
    paths = [
        *("/admin/", "/admin/users", "/admin/invitations", "/admin/audit", "/admin/emails"),
        *("/admin/roles", role, f"{role}/delete", person, f"{person}/suspend"),
        *(f"{person}/{action}" for action in ("change-email", "change-name", "revoke-invite")),
        *("/account/manage/change-name", f"{person}/change-account-type"),
    ]
    for path in paths:
        manager.goto(path)
        for width in (360, 800, 1280):
            manager.set_viewport_size({"width": width, "height": 800})
            too_wide = manager.evaluate(
                """() => [...document.querySelectorAll(".panel, .data-table, html")]
                    .filter(box => box.scrollWidth > box.clientWidth + 2)
                    .map(box => box.tagName + "." + box.className)"""
            )
            assert too_wide == [], (width, path)
            roles = manager.locator('td[data-label="Role"]').evaluate_all(
                "cells => cells.map(cell => cell.offsetWidth)"
            )
            assert width == 360 or all(one >= 128 for one in roles), (width, path)


def call_me(page: Page, first: str, last: str) -> None:
    page.goto("/account/manage/change-name")
    page.get_by_label("First name").fill(first)
    page.get_by_label("Last name").fill(last)
    page.get_by_role("button", name="Save name").click()
    expect(page.get_by_text("Your name is now")).to_be_visible()


def test_a_long_name_ends_in_dots_in_the_top_bar(page: Page) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    page.set_viewport_size({"width": 1280, "height": 800})
    call_me(page, "Wilhelmina " * 5, "von und zu " * 5)
    try:
        measures = page.locator(".nav-item-name").evaluate(
            """name => [getComputedStyle(name).textOverflow, name.scrollWidth > name.clientWidth,
                name.parentElement.scrollHeight <= name.parentElement.clientHeight]"""
        )
        assert measures == ["ellipsis", True, True]
    finally:
        call_me(page, "Admin", "Account")


@needs("invitations", "roles")
def test_a_menu_that_the_keyboard_opened_closes_with_escape_and_when_it_is_left(
    manager: Page,
) -> None:
    manager.goto("/admin/invitations")
    button = manager.locator("tbody summary").first
    menu = manager.locator("tbody details").first
    button.press("Enter")
    expect(menu).to_have_attribute("open", "")
    manager.keyboard.press("Tab")
    manager.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(button).to_be_focused()
    button.press("Enter")
    manager.keyboard.press("Shift+Tab")
    expect(menu).not_to_have_attribute("open", "")
