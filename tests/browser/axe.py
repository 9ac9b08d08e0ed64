"""Examine a page with axe, in both colour schemes, at desktop and phone sizes."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SIZES: dict[str, Any] = {
    "desk": {"width": 1280, "height": 900},
    "phone": {"width": 360, "height": 740},
}
# The colours alone differ in the dark.
OPTIONS: dict[str, Any] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
CASES: tuple[tuple[str, Any], ...] = (
    ("desk", "light"),
    ("phone", "light"),
    ("phone", "dark"),
    ("desk", "dark"),
)
SCRIPT = Axe().axe_script
IS_THERE = "typeof axe !== 'undefined'"
# All results would take as long to hand over as axe takes to find them.
RUN = """async options => {
    const found = await axe.run(document, {resultTypes: ["violations"], ...options});
    return found.violations.map(
        rule => [rule.id, rule.help, ...rule.nodes.map(node => node.html)].join("\\n    "));
}"""
# Draw changed colours and sizes, and end their transitions, which would take a frame for each
# level of the page: a colour that is inherited changes when the transition of the parent ends.
SETTLE = """async () => {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const runs = one =>
        one.playState !== "finished" && isFinite(one.effect.getComputedTiming().endTime);
    let running;
    while ((running = document.getAnimations().filter(runs)).length) {
        running.forEach(one => one.finish());
    }
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def examine(page: Page, address: str | None = None) -> None:
    """Fail if axe finds a fault on a page, or if the page is wider than the screen.

    One load serves all sizes and schemes, because only style sheets tell them apart. Without an
    address, examine the page that is open. The size is afterwards as before.
    """
    if address is not None:
        page.goto(address)
    before = page.viewport_size
    if not page.evaluate(IS_THERE):
        page.evaluate(SCRIPT)
    for size, scheme in CASES:
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(SETTLE)
        case = f"{page.url}, {scheme}, {size}"
        found = page.evaluate(RUN, OPTIONS[scheme])
        assert not found, "\n".join([case, *found])
        overflow = page.evaluate(OVERFLOW)
        assert overflow <= 0, f"{case} is {overflow} pixels too wide"
    if before is not None:
        page.set_viewport_size(before)
