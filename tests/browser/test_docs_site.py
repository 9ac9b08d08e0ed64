"""The site of the documentation searches, and asks no other host for anything."""

import functools
import http.server
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.contracts.test_site import BUILDER, ZENSICAL, build
from tests.serving_threads import serving

pytestmark = pytest.mark.browser
WIDTHS = (1280, 360)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A handler that serves files and keeps no log."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not ZENSICAL.exists():
        pytest.skip("`make docs` makes .venv-docs, which is not there.")
    folder: Path = tmp_path_factory.mktemp("site")
    assert not build(folder, BUILDER["Site"]()).returncode
    handler = functools.partial(Quiet, directory=str(folder / "html"))
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def test_the_site_searches_without_another_host(chromium: Browser, address: str) -> None:
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"{address}/index.html")
        expect(page.locator("h1")).to_be_visible()
        # The picture of the README has one file for each scheme.
        assert page.locator("img[src$='#only-light']").is_visible() == (scheme == "light")
        page.keyboard.press("Control+k")
        page.keyboard.type("supervisor")
        found = page.get_by_role("heading", name="Supervisor in place of systemd")
        expect(found.first).to_be_visible()
        for name in ("index", "features", "linux-server", "reference/app.services.users"):
            page.goto(f"{address}/{name}.html")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not wide, f"{name} is wider than {width} pixels"
        foreign = [url for url in asked if not url.startswith((address, "blob:", "data:"))]
        assert not foreign
        context.close()
