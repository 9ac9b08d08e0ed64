"""Choose, crop and save a picture, with the script of the page and without."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, sign_in

pytestmark = pytest.mark.browser

PAGE = "/account/manage/picture"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a picture that is red on the left and blue on the right."""
    picture = Image.new("RGB", (600, 300), "red")
    picture.paste("blue", (300, 0, 600, 300))
    path = tmp_path / "me.png"
    picture.save(path)
    return path


def choose(page: Page, file: Path) -> None:
    page.goto(PAGE)
    page.locator("#picture").set_input_files(file)


def colours(page: Page) -> list[str]:
    """Save, and return the colours on the left and on the right of the picture."""
    page.get_by_role("button", name="Save picture").click()
    expect(page.get_by_text("Your picture is changed.")).to_be_visible()
    source = page.locator(".picture-now img").get_attribute("src") or ""
    picture = Image.open(BytesIO(page.request.get(source).body())).convert("RGB")
    pixels = [picture.getpixel((x, 128)) for x in (5, 250)]
    return ["red" if red > blue else "blue" for red, _, blue in pixels]


def test_a_picture_is_cropped_by_dragging_and_by_keys(page: Page, file: Path) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    choose(page, file)
    area = page.locator("[data-crop-area]")
    expect(area).to_be_visible()
    examine(page)
    value = page.locator("[data-crop-value]")
    expect(value).to_have_value("0.5,0.5,1")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - box["width"], middle[1], steps=8)
    page.mouse.up()
    expect(value).to_have_value("1,0.5,1")
    assert colours(page) == ["blue", "blue"]

    choose(page, file)
    expect(area).to_be_visible()  # once the browser has read the file
    area.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    expect(value).to_have_value("0,0.5,1")
    page.get_by_label("Zoom").focus()
    page.keyboard.press("End")
    expect(value).to_have_value("0,0.5,0.25")
    assert colours(page) == ["red", "red"]


def test_a_file_that_is_no_picture_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    path = tmp_path / "me.png"
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    choose(page, path)
    expect(page.get_by_text("Your browser cannot show this file.")).to_be_visible()
    page.get_by_role("button", name="Save picture").click()
    expect(page.get_by_role("link", name="This is no picture.")).to_be_visible()


def test_without_javascript_the_middle_is_used(chromium: Browser, kit: str, file: Path) -> None:
    context = chromium.new_context(base_url=kit, java_script_enabled=False)
    try:
        page = context.new_page()
        sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
        choose(page, file)
        expect(page.get_by_text("The middle of the picture is used.")).to_be_visible()
        assert colours(page) == ["red", "blue"]
    finally:
        context.close()
