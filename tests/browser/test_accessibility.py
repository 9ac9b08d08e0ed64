"""Run axe on every page, in both colour schemes, at desktop and phone sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.routing import Rule

from app import create_app
from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, sign_in
from tests.routes import takes_token
from tests.support import needs

pytestmark = pytest.mark.browser

SIGN_IN = "/account/login"
# Routes that are no pages: files, routes for monitors and scripts, and contents of frames.
NO_PAGES = re.compile(
    r"static|.*\.(healthz|readyz|version|email_html|mail_html|mail_sample|check_password)"
    r"|.*(csv|export|download|results|sample|problems).*"
)


@cache
def pages() -> list[Rule]:
    """Return the URLs that can be opened without arguments."""
    rules = create_app("testing").url_map.iter_rules()
    return sorted(
        (
            rule
            for rule in rules
            if "GET" in (rule.methods or ())
            and not rule.arguments
            and not NO_PAGES.fullmatch(rule.endpoint)
            and not takes_token(rule.endpoint)
        ),
        key=str,
    )


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, kit: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=kit, reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    yield page
    context.close()


@pytest.fixture(scope="module")
def browser_of_guests(chromium: Browser, kit: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=kit, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def asked_to_sign_in() -> list[str]:
    """Return the pages so far that lead a guest to the sign-in page, which is examined once."""
    return []


@pytest.fixture
def guest(browser_of_guests: Page) -> Page:
    browser_of_guests.context.clear_cookies()
    return browser_of_guests


@pytest.mark.parametrize("rule", pages(), ids=str)
def test_axe_finds_nothing_on_a_page(signed_in: Page, rule: Rule) -> None:
    examine(signed_in, str(rule))


@pytest.mark.parametrize(
    "rule", [rule for rule in pages() if not rule.endpoint.startswith("admin.")], ids=str
)
def test_axe_finds_nothing_on_what_a_guest_sees(
    guest: Page, rule: Rule, asked_to_sign_in: list[str]
) -> None:
    # A request that draws no page.
    if urlsplit(guest.request.get(str(rule)).url).path == SIGN_IN and str(rule) != SIGN_IN:
        asked_to_sign_in.append(str(rule))
        if len(asked_to_sign_in) > 1:
            return  # Each page that needs an account leads to this one.
    examine(guest, str(rule))


@pytest.mark.parametrize(
    "listing",
    [
        "/admin/users",
        pytest.param("/admin/roles", marks=needs("roles")),
        pytest.param("/admin/emails", marks=needs("mailbox")),
        pytest.param("/admin/audit", marks=needs("audit")),
        pytest.param("/admin/jobs", marks=needs("jobs")),
    ],
)
def test_axe_finds_nothing_on_the_page_of_a_row(signed_in: Page, listing: str) -> None:
    signed_in.goto(listing)
    link = signed_in.locator("tbody a[href]").first
    if not link.count():
        pytest.skip("The list has no rows.")
    examine(signed_in, link.get_attribute("href") or "")


def test_axe_finds_nothing_on_a_page_that_is_not_there(guest: Page) -> None:
    examine(guest, "/nowhere")
