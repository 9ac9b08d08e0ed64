"""Run axe on the reference of the API."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.axe import examine

pytestmark = pytest.mark.browser


def test_axe_finds_nothing_on_the_groups_of_the_api(page: Page) -> None:
    page.goto("/api/docs")
    links = page.locator("main a[href^='/api/docs/']").all()
    for address in sorted({(link.get_attribute("href") or "").partition("#")[0] for link in links}):
        examine(page, address)
    assert links
