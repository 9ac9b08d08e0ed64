"""The main journey of a user."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import OVERFLOW
from tests.browser.support import ADMIN, PASSWORD, follow_mail, sign_in, sign_out
from tests.support import needs

pytestmark = pytest.mark.browser

NEW_PASSWORD = "quite another long pass phrase"


@needs("devtools")
def test_a_person_joins_confirms_forgets_and_comes_back(page: Page) -> None:
    page.goto("/account/register")
    page.locator("#first_name").fill("Grace")
    page.locator("#last_name").fill("Hopper <b>")
    page.locator("#email").fill("grace@example.com")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password2").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("on its way to grace@example.com")).to_be_visible()

    sign_in(page, "grace@example.com", PASSWORD)
    expect(page).to_have_url(re.compile("/account/unconfirmed$"))
    follow_mail(page, "grace@example.com", "onfirm")
    expect(page).not_to_have_url(re.compile("confirm-account/.{20}"))
    page.get_by_role("button", name="Confirm account").click()
    expect(page.get_by_text("Your account is confirmed")).to_be_visible()
    sign_out(page)

    page.goto("/account/login")
    page.get_by_role("link", name="Forgot").click()
    page.locator("#email").fill("grace@example.com")
    page.get_by_role("button", name="Send reset link").click()
    follow_mail(page, "grace@example.com", "password")
    page.locator("#new_password").fill(NEW_PASSWORD)
    page.locator("#new_password2").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set new password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()

    sign_in(page, "grace@example.com", NEW_PASSWORD)
    page.goto("/account/manage")
    expect(page.locator("main").get_by_text("Grace Hopper <b>").first).to_be_visible()


@needs("deletion", "devtools", "invitations")
def test_an_administrator_invites_finds_changes_and_deletes(
    page: Page, context: BrowserContext
) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    expect(page).to_have_url(re.compile("/admin/$"))
    page.goto("/admin/invite-user")
    page.locator("#first_name").fill("Alan")
    page.locator("#last_name").fill("Turing")
    page.locator("#email").fill("alan@example.com")
    page.locator("#role").select_option("User")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("heading", name="Alan Turing")).to_be_visible()
    user_page = page.url

    browser = context.browser
    assert browser is not None
    guest_context = browser.new_context(base_url=page.url.split("/admin")[0])
    guest = guest_context.new_page()
    follow_mail(guest, "alan@example.com", "invit")
    guest.locator("#password").fill(PASSWORD)
    guest.locator("#password2").fill(PASSWORD)
    guest.get_by_role("button", name="Set password").click()
    sign_in(guest, "alan@example.com", PASSWORD)
    guest.goto("/account/manage")
    expect(guest.locator("main").get_by_text("alan@example.com").first).to_be_visible()

    page.goto("/admin/users")
    page.keyboard.press("/")
    page.keyboard.type("turing")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=turing"))
    page.get_by_role("link", name="Alan Turing").click()
    page.goto(f"{user_page}/change-account-type")
    page.locator("#role").select_option("Administrator")
    page.get_by_role("button", name="Change role").click()
    guest.goto("/admin/")
    expect(guest.get_by_role("heading", name="Dashboard")).to_be_visible()

    page.goto(f"{user_page}/delete")
    page.get_by_role("button", name="Delete Alan Turing").click()
    expect(page.get_by_text("Alan Turing is deleted")).to_be_visible()
    guest.goto("/account/manage")
    expect(guest).to_have_url(re.compile("/account/login"))
    guest_context.close()


@needs("content", "devtools", "invitations")
def test_no_page_is_wider_than_the_screen(page: Page) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    for path in (
        "/", "/about", "/account/manage", "/account/manage/change-password",
        "/account/manage/change-name", "/account/manage/change-email", "/admin/", "/admin/users",
        "/admin/users?search=zzz", "/admin/user/1/change-name",
        "/admin/new-user", "/admin/invite-user", "/admin/user/1", "/dev/mail", "/dev/patterns",
        "/nowhere",
    ):  # fmt: skip
        page.goto(path)
        for width, scheme in itertools.product((360, 1280), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate(OVERFLOW) <= 0, (path, width, scheme)


def test_a_stale_form_says_so_and_keeps_the_entered_values(page: Page) -> None:
    """CS-3"""
    page.goto("/account/register")
    page.locator("#first_name").fill("Margaret")
    page.locator("#last_name").fill("Hamilton")
    page.locator("#email").fill("margaret@example.com")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password2").fill(PASSWORD)
    page.context.clear_cookies()
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#first_name")).to_have_value("Margaret")
    expect(page.locator("#email")).to_have_value("margaret@example.com")


def test_pages_work_without_scripts(chromium, kit: str) -> None:  # type: ignore[no-untyped-def]
    """F37"""
    context = chromium.new_context(base_url=kit, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.goto("/admin/users?search=admin")
    page.get_by_role("link", name="Admin Account").first.click()
    expect(page.get_by_role("heading", name="Admin Account")).to_be_visible()
    context.close()


def test_going_back_after_signing_out_shows_nothing(page: Page) -> None:
    """SE-9"""
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.goto("/account/manage")
    page.evaluate("document.querySelector('form[action$=\"/account/logout\"]').submit()")
    expect(page.get_by_text("You are signed out")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("/account/login"))


def test_passwords_can_be_pasted_and_shown(page: Page) -> None:
    """PW-7"""
    page.goto("/account/login")
    field = page.locator("#password")
    assert field.get_attribute("autocomplete") == "current-password"
    field.focus()
    page.keyboard.insert_text("pasted")
    expect(field).to_have_value("pasted")
    page.get_by_role("button", name=re.compile("Show")).click()
    assert page.locator("#password").get_attribute("type") == "text"


def test_a_second_tab_that_signs_in_as_well_leads_on(page: Page) -> None:
    page.goto("/account/manage")
    expect(page.get_by_text("Sign in to open this page.")).to_be_visible()
    other = page.context.new_page()
    sign_in(other, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    expect(other).to_have_url(re.compile("/admin/"))

    page.locator("#email").fill(ADMIN)
    page.locator("#password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile("/account/manage$"))


@needs("devtools")
def test_another_browser_confirms_with_the_password_of_the_account(
    page: Page, chromium: Browser, kit: str
) -> None:
    page.goto("/account/register")
    page.locator("#first_name").fill("Hedy")
    page.locator("#last_name").fill("Lamarr")
    page.locator("#email").fill("hedy@example.com")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password2").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    context = chromium.new_context(base_url=kit)
    other = context.new_page()
    follow_mail(other, "hedy@example.com", "Confirm")

    expect(other.get_by_text("in another browser")).to_be_visible()
    expect(other.locator("[autocomplete=username]")).to_be_hidden()
    other.locator("#password").fill("not the password")
    other.get_by_role("button", name="Confirm account").click()
    expect(other.locator("#password")).to_be_focused()
    other.locator("#password").fill(PASSWORD)
    other.get_by_role("button", name="Confirm account").click()
    expect(other.get_by_text("confirmed")).to_be_visible()
    context.close()
