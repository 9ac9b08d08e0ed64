"""Set up a second factor, sign in with it, lose the phone, and come back by a recovery code."""

from __future__ import annotations

import time

import pyotp
import pytest
from playwright.sync_api import Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, PASSWORD, sign_in, sign_out

pytestmark = pytest.mark.browser

EMAIL = "radia@example.com"


def make_user(page: Page) -> None:
    """Let the administrator make a user."""
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    page.goto("/admin/new-user")
    page.locator("#first_name").fill("Radia")
    page.locator("#last_name").fill("Perlman")
    page.locator("#email").fill(EMAIL)
    page.locator("#password").fill(PASSWORD)
    page.locator("#password2").fill(PASSWORD)
    page.locator("#role").select_option(label="User")
    page.locator("#submit").click()
    expect(page.get_by_text(EMAIL).first).to_be_visible()
    sign_out(page)


def enter(page: Page, code: str) -> None:
    page.locator("#code").fill(code)
    page.locator("#submit").click()


def test_a_user_signs_in_with_an_app_and_without_it(page: Page) -> None:
    make_user(page)
    sign_in(page, EMAIL, PASSWORD)
    page.wait_for_url("**/account/")
    page.goto("/account/manage/two-factor")
    page.get_by_role("link", name="Set up", exact=True).click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    totp = pyotp.TOTP(page.locator(".qr-secret").inner_text().replace(" ", ""))
    enter(page, totp.now())

    expect(page.locator(".recovery-codes li")).to_have_count(10)
    code = page.locator(".recovery-codes li").nth(3).inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert code in download.value.path().read_text()
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_text("10 codes are left.")).to_be_visible()
    examine(page, "/account/manage/two-factor")

    sign_out(page)
    sign_in(page, EMAIL, PASSWORD)
    page.wait_for_url("**/second-step")
    examine(page, "/account/second-step")
    enter(page, totp.at(int(time.time()) + 30))
    expect(page.get_by_text("You are signed in.")).to_be_visible()

    sign_out(page)
    sign_in(page, EMAIL, PASSWORD)
    page.get_by_role("link", name="Use a recovery code").click()
    examine(page, "/account/second-step/recovery")
    enter(page, code)
    expect(page.get_by_text("You are signed in.")).to_be_visible()
    page.goto("/account/manage/two-factor")
    expect(page.get_by_text("9 codes are left.")).to_be_visible()
