"""Hand over an invitation as a link, and impersonate the user who accepted it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"


@needs("invitations")
def test_a_link_is_shown_once_and_the_person_can_be_helped(
    page: Page, chromium: Browser, kit: str
) -> None:
    """TK-7"""
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    page.goto("/admin/invite-user")
    page.get_by_label("First name").fill("Ivy")
    page.get_by_label("Last name").fill("Invited")
    page.get_by_label("Email").fill("ivy@example.com")
    page.get_by_role("button", name="Send invitation").click()
    page.wait_for_url("**/admin/user/*")
    page.goto("/admin/invitations?search=ivy")
    page.get_by_text("Actions for Ivy Invited").locator("xpath=..").click()
    examine(page)
    page.get_by_role("link", name="Copy a link").click()
    page.wait_for_url("**/copy-invite-link")
    examine(page)

    page.get_by_role("button", name="Make a link and show it").click()
    field = page.get_by_label("Link of the invitation")
    link = field.input_value()
    assert "/account/join-from-invite/" in link
    assert page.url.endswith("/admin/invitations"), "the address is that of the list by now"
    examine(page)
    page.reload()
    expect(field).to_have_count(0)
    assert link not in page.content()

    guest = chromium.new_context(base_url=kit).new_page()
    guest.goto(link)
    for field_id in ("password", "password2"):
        guest.locator(f"#{field_id}").fill(PASSWORD)
    guest.get_by_role("button", name="Set password").click()
    guest.wait_for_url("**/account/login")
    guest.context.close()

    page.goto("/admin/users?search=ivy@example.com")
    page.get_by_role("link", name="Ivy Invited").click()
    page.get_by_role("link", name="Sign in as them").click()
    page.wait_for_url("**/sign-in-as")
    examine(page)
    page.get_by_label("Reason").fill("Request 4711")
    page.get_by_label("Your own password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in as them").click()
    page.wait_for_url(kit + "/")
    banner = page.get_by_role("complementary", name="Signed in as someone else")
    for address in ("/", "/account/manage", "/nowhere", "/admin/"):
        page.goto(address)
        expect(banner).to_contain_text("Ivy Invited")
        examine(page)
    banner.get_by_role("button").click()
    expect(page.get_by_text("The impersonation has ended")).to_be_visible()
    expect(banner).to_have_count(0)
