"""Steps of users that tests in Chromium share."""

from __future__ import annotations

from playwright.sync_api import Page

from settings import product

PASSWORD = "correct horse battery staple"
ADMIN = product.admin_email()


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/account/login")
    page.locator("#email").fill(email)
    page.locator("#password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.context.clear_cookies()


def follow_mail(page: Page, recipient: str, subject: str) -> None:
    """Open the newest mail to `recipient` in the inbox, and follow its button."""
    row = page.locator("tr", has_text=recipient).filter(has_text=subject).first
    for _ in range(50):
        page.goto("/dev/mail")
        if row.count():
            break
        page.wait_for_timeout(200)
    row.get_by_role("link").first.click()
    link = page.locator("a[href*='/account/']", has_text="http").last
    address = link.get_attribute("href") or ""
    page.goto(address)
