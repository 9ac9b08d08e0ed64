"""Select users in the list, with and without scripts, and run axe on the pages."""

import pytest
from playwright.sync_api import Browser, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import SIZES, examine
from tests.browser.support import ADMIN, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser

LIST = "/admin/users?search=herd"


@pytest.fixture
def herd(page: Page) -> Page:
    """Show the list of four invited users."""
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    page.goto(LIST)
    missing = 4 - page.locator("input[name=user_ids]").count()
    for number in range(missing):
        page.goto("/admin/invite-user")
        page.fill("[name=first_name]", "Herd")
        page.fill("[name=last_name]", f"Person{number}")
        page.fill("[name=email]", f"herd{number}@example.com")
        page.click("main form.form button[type=submit]")
        expect(page.locator("h1")).to_contain_text(f"Person{number}")
    page.goto(LIST)
    return page


@needs("invitations")
def test_a_range_and_a_page_are_chosen_and_the_bar_follows(herd: Page) -> None:
    page, bar, boxes = herd, herd.locator("[data-bulk]"), herd.locator("input[name=user_ids]")
    expect(bar).to_be_hidden()
    boxes.nth(0).click()
    expect(bar).to_contain_text("1 chosen")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 chosen")
    expect(boxes.nth(1)).to_be_checked()
    page.locator("[data-check-all]").click()
    expect(bar).to_contain_text("4 chosen")
    page.locator("[data-bulk-clear]").click()
    expect(bar).to_be_hidden()
    expect(page.locator("input[name=user_ids]:checked")).to_have_count(0)


@needs("invitations")
def test_a_click_beside_the_box_chooses_and_does_not_open_the_person(herd: Page) -> None:
    box = herd.locator("td.check").first.bounding_box()
    assert box
    herd.mouse.click(box["x"] + 4, box["y"] + 4)
    expect(herd.locator("[data-bulk]")).to_contain_text("1 chosen")
    assert "/admin/users" in herd.url


@needs("invitations")
def test_the_filter_that_is_typed_is_the_filter_that_is_sent(herd: Page) -> None:
    """The list reloads while the user types, and "all that match" must mean the visible filter."""
    page = herd
    page.locator("[data-search]").fill("herd0")
    expect(page.locator("input[name=user_ids]")).to_have_count(1)
    page.locator("input[name=user_ids]").click()
    page.locator("[data-bulk-everyone]").click()
    page.locator("#bulk-action").select_option("resend_invitation")
    page.locator("[data-bulk] button[type=submit]").click()
    expect(page.locator("h1")).to_contain_text("to 1 person")


@needs("invitations")
def test_it_works_without_a_script(chromium: Browser, kit: str, herd: Page) -> None:
    state = herd.context.storage_state()
    context = chromium.new_context(base_url=kit, java_script_enabled=False, storage_state=state)
    page = context.new_page()
    page.goto(LIST)
    expect(page.locator("[data-bulk]")).to_be_visible()
    expect(page.locator("[data-check-all]")).to_be_hidden()
    for place in (0, 3):
        page.locator("input[name=user_ids]").nth(place).check()
    page.locator("#bulk-action").select_option("end_sessions")
    page.locator("[data-bulk] button[type=submit]").click()
    expect(page.locator("main")).to_contain_text("Not signed in anywhere")
    context.close()


@needs("invitations")
def test_axe_finds_nothing_on_the_way(herd: Page) -> None:
    """The user has a phone. The tests above go this way at a desk."""
    page = herd
    page.set_viewport_size(SIZES["phone"])
    page.locator("input[name=user_ids]").nth(1).click()
    page.locator("#bulk-action").select_option("resend_invitation")
    page.locator("[data-bulk] button[type=submit]").click()
    page.wait_for_url("**/bulk/*")
    preview = page.url
    examine(page)
    page.locator("main form.form button[type=submit]").click()
    expect(page.locator("main")).to_contain_text("1 of 1")
    examine(page, preview)
    examine(page, "/admin/users/bulk")
