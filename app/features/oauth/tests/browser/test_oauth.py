"""Register, sign in, link and unlink with a provider, in a real browser under the real policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.features.oauth.tests import support
from app.features.oauth.tests.support import Server
from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN
from tests.running_kit import running_kit

pytestmark = pytest.mark.browser

MANAGE = "/account/manage/linked-accounts"


def settings_of(provider: Server) -> dict[str, str]:
    """Return the settings of an app that knows the provider of the tests as Acme."""
    return {
        "OIDC_PROVIDERS": "acme",
        "OIDC_ACME_ISSUER": provider.url,
        "OIDC_ACME_CLIENT_ID": support.CLIENT,
        "OIDC_ACME_CLIENT_SECRET": support.SECRET,
    }


@pytest.fixture(scope="module")
def provider() -> Iterator[Server]:
    with support.run_server() as server:
        yield server


@pytest.fixture(scope="module")
def kit(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the app with a provider, in place of the app of the other tests."""
    with running_kit(tmp_path_factory.mktemp("kit"), **settings_of(provider)) as address:
        yield address


def leave(page: Page, name: str = "Continue with Acme") -> None:
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("heading", name="Sign in at the provider")).to_be_visible()


def approve(page: Page) -> None:
    page.get_by_role("button", name="Approve").click()


def see(page: Page, text: str) -> None:
    expect(page.get_by_text(text)).to_be_visible()


def test_a_visitor_registers_and_cannot_lose_the_only_way_in(page: Page, provider: Server) -> None:
    """The provider asks with a form, whose answer leads back here."""
    provider.behave(asks=True)
    page.goto("/account/login")
    examine(page)
    leave(page)
    page.get_by_role("button", name="Deny").click()
    see(page, "You did not sign in with Acme.")
    leave(page)
    approve(page)
    see(page, "You are signed in.")
    page.goto(MANAGE)
    examine(page)
    page.get_by_role("link", name="Unlink Acme ada@example.com").click()
    page.get_by_role("button", name="Unlink the account").click()
    see(page, "This is your only way to sign in.")


def test_a_user_links_an_account_signs_in_with_it_and_unlinks_it(
    page: Page, provider: Server
) -> None:
    claims = {"sub": "another", "email": ADMIN, "email_verified": True}
    provider.behave(asks=True, claims=claims)
    page.goto("/account/login")
    leave(page)
    approve(page)
    see(page, "Sign in first, then link it.")
    page.locator("#email").fill(ADMIN)
    page.locator("#password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{MANAGE}")
    leave(page, "Link Acme")
    approve(page)
    see(page, "Your account of Acme is linked.")

    page.context.clear_cookies()
    page.goto("/account/login")
    leave(page)
    approve(page)
    page.wait_for_url("**/admin/")
    page.goto(f"/account/reauthenticate?next={MANAGE}")
    examine(page)
    leave(page)
    approve(page)
    page.wait_for_url(f"**{MANAGE}")
    page.get_by_role("link", name="Unlink").click()
    examine(page)
    page.get_by_role("button", name="Unlink the account").click()
    see(page, "Your account of Acme is unlinked.")
