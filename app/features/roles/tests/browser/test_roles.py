"""Create, edit and delete a role, with the script that ticks related boxes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(page: Page) -> Page:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    return page


def make(page: Page, name: str, *permissions: str) -> None:
    page.goto("/admin/roles")
    page.get_by_role("link", name="New role").click()
    page.get_by_label("Name").fill(name)
    for permission in permissions:
        page.get_by_label(permission).check()
    page.get_by_role("button", name="Save role").click()
    page.wait_for_url("**/admin/roles")


def test_ticking_everything_ticks_all_and_unticking_one_takes_it_away(manager: Page) -> None:
    manager.goto("/admin/roles/new")
    everything = manager.locator("[data-everything]")
    boxes = manager.locator("[data-permissions] input")
    manager.get_by_label("Manage content").check()
    everything.check()
    for number in range(boxes.count()):
        expect(boxes.nth(number)).to_be_checked()
    everything.uncheck()
    expect(manager.get_by_label("Manage content")).to_be_checked()
    expect(manager.get_by_label("Manage jobs")).not_to_be_checked()
    everything.check()
    manager.get_by_label("Manage jobs").uncheck()
    expect(everything).not_to_be_checked()


def test_a_role_is_made_changed_and_deleted(manager: Page) -> None:
    """AD-4: the page lists the affected users first."""
    page = manager
    make(page, "Proofreader", "Manage content")
    expect(page.get_by_text("The role Proofreader is saved.")).to_be_visible()
    page.get_by_role("link", name="Proofreader", exact=True).click()
    page.get_by_label("View the audit trail").check()
    page.get_by_label("Give this role to people who register").check()
    page.get_by_role("button", name="Save role").click()
    expect(page.get_by_text("People who register from now on get")).to_be_visible()
    examine(page)
    page.get_by_role("button", name="Go back").click()
    expect(page.get_by_label("View the audit trail")).to_be_checked()
    page.get_by_label("Give this role to people who register").uncheck()
    page.get_by_role("button", name="Save role").click()
    page.wait_for_url("**/admin/roles")
    page.get_by_role("link", name="Proofreader", exact=True).click()
    page.get_by_role("link", name="Delete role").click()
    examine(page)
    expect(page.get_by_text("Nobody has the role Proofreader.")).to_be_visible()
    page.get_by_role("button", name="Delete Proofreader").click()
    expect(page.get_by_text("The role Proofreader is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Proofreader", exact=True)).to_have_count(0)


def test_two_who_change_a_role_at_once_see_each_others_versions(
    manager: Page, chromium: Browser, kit: str
) -> None:
    """F38"""
    make(manager, "Translator", "Manage content")
    manager.get_by_role("link", name="Translator", exact=True).click()
    other = chromium.new_context(base_url=kit).new_page()
    sign_in(other, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    other.wait_for_url("**/admin/")
    other.goto(manager.url)
    other.get_by_label("Name").fill("Interpreter")
    other.get_by_role("button", name="Save role").click()
    other.wait_for_url("**/admin/roles")
    manager.get_by_label("Name").fill("Linguist")
    manager.get_by_role("button", name="Save role").click()
    notice = manager.locator(".stale-form")
    for words in ("Translator", "Interpreter", "Linguist"):
        expect(notice.get_by_text(words).first).to_be_visible()
    examine(manager)
    manager.get_by_role("button", name="Save role").click()
    manager.wait_for_url("**/admin/roles")
    expect(manager.get_by_role("link", name="Linguist", exact=True)).to_be_visible()
    other.context.close()
