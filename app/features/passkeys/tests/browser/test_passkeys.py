"""Add a passkey and sign in with it, with the virtual authenticator of Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, follow_mail, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser

MANAGE = "/account/manage/passkeys"


class Device:
    """A device with a screen lock that is always right, plugged into the browser of `page`."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id: str = added["authenticatorId"]

    def passkeys(self) -> list[dict[str, Any]]:
        found = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def turn(self, *, on: bool) -> None:
        """Let the device answer, or wait for a touch that never comes."""
        values = {"authenticatorId": self.id, "enabled": on}
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", values)


@pytest.fixture
def device(page: Page) -> Device:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    return Device(page)


def add(page: Page, name: str) -> None:
    page.goto(MANAGE)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text(f"The passkey “{name}” is added.")).to_be_visible()


def sign_out(page: Page) -> None:
    page.context.clear_cookies()


def remove_all(page: Page) -> None:
    page.goto(MANAGE)
    while (links := page.get_by_role("link", name="Remove")).count():
        links.first.click()
        page.get_by_role("button", name="Remove the passkey").click()
        page.wait_for_url(f"**{MANAGE}")


def test_a_passkey_signs_in_without_typing(page: Page, device: Device) -> None:
    add(page, "This laptop")
    (passkey,) = device.passkeys()
    assert passkey["isResidentCredential"]
    assert passkey["rpId"] == "localhost"
    examine(page)
    device.turn(on=False)
    sign_out(page)
    page.goto("/account/login")
    button = page.get_by_role("button", name="Sign in with a passkey")
    expect(button).to_be_visible()
    expect(page.get_by_label("Email")).to_have_attribute("autocomplete", "username webauthn")
    examine(page)
    device.turn(on=True)
    button.click()
    page.wait_for_url("**/admin/")
    page.goto(MANAGE)
    expect(page.get_by_text("last used just now")).to_be_visible()
    remove_all(page)


def test_the_autofill_signs_in_by_itself(page: Page, device: Device) -> None:
    """The virtual authenticator answers the offer as if the user had chosen from the list."""
    add(page, "This laptop")
    sign_out(page)
    page.goto("/account/login?next=/account/manage/passkeys")
    page.wait_for_url(f"**{MANAGE}")
    expect(page.get_by_text("last used just now")).to_be_visible()
    remove_all(page)


def test_a_passkey_is_the_second_step(page: Page, device: Device) -> None:
    add(page, "This laptop")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_text("From now on, you need a passkey")).to_be_visible()
    device.turn(on=False)
    sign_out(page)
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/account/second-step/passkey")
    examine(page)
    device.turn(on=True)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/")
    remove_all(page)


def test_the_same_device_is_not_added_twice(page: Page, device: Device) -> None:
    add(page, "This laptop")
    page.goto(f"{MANAGE}/add")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Your account has a passkey on this device already.")).to_be_visible()
    remove_all(page)


def test_without_javascript_the_sign_in_page_asks_for_the_password(
    chromium: Browser, kit: str
) -> None:
    context = chromium.new_context(base_url=kit, java_script_enabled=False)
    page = context.new_page()
    page.goto("/account/login")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    context.close()


@needs("devtools")
def test_a_visitor_registers_with_a_passkey_alone(page: Page) -> None:
    device = Device(page)
    page.goto("/account/register")
    page.get_by_role("link", name="Continue with a passkey").click()
    examine(page)
    page.get_by_label("First name").fill("Grace")
    page.get_by_label("Last name").fill("Hopper")
    page.get_by_label("Email").fill("passkey@example.com")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("on its way to passkey@example.com")).to_be_visible()
    device.turn(on=False)  # The sign-in page would ask it at once.
    follow_mail(page, "passkey@example.com", "onfirm")
    examine(page)
    device.turn(on=True)
    page.get_by_role("button", name="Create a passkey").click()
    expect(page.get_by_text("You are signed in.")).to_be_visible()
    assert len(device.passkeys()) == 1
    sign_out(page)
    page.goto("/account/login")  # The virtual authenticator answers the offer of the autofill.
    expect(page.get_by_text("You are signed in.")).to_be_visible()
