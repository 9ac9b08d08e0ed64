"""The built assets are hashed, compressed, small, readable, and safe to build twice."""

import gzip
import json
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from flask import Flask

from app.kit import assets, icons
from tests.fixtures.core import ICONS_OF_THE_APP
from tests.routes import ANYONE, GUESTS, RULES, rows
from tests.support import Browser

KILOBYTE = 1024
# A first visit transfers 60 KB; the rest is for the page itself and the icons.
CSS_AND_JS_LIMIT = 40 * KILOBYTE
PAGE_LIMIT = 60 * KILOBYTE

HASHED = re.compile(r"^[a-z]+\.[0-9a-f]{12}\.(css|js|svg)$")


@pytest.fixture(scope="module")
def built(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build into a temporary folder, so that the developer's assets stay as they are."""
    before = app.static_folder
    app.static_folder = str(tmp_path_factory.mktemp("static"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(icons, "used", lambda: ICONS_OF_THE_APP)
        assets.build(app)
        yield Path(app.static_folder) / "gen"
    app.static_folder = before
    app.extensions.pop("asset_addresses", None)


def manifest(folder: Path) -> dict[str, str]:
    names: dict[str, str] = json.loads((folder / "manifest.json").read_text())
    return names


def test_every_bundle_is_built_under_a_hashed_name(built: Path) -> None:
    names = manifest(built)
    assert {"app_css", "app_js", "vendor_css", "vendor_js", "icons", "mark"} <= names.keys()
    for name in names.values():
        assert HASHED.match(name)
        assert (built / name).stat().st_size > 0


def test_every_file_is_compressed_beforehand(built: Path) -> None:
    for name in manifest(built).values():
        content = (built / name).read_bytes()
        assert brotli.decompress((built / f"{name}.br").read_bytes()) == content
        assert gzip.decompress((built / f"{name}.gz").read_bytes()) == content


def test_a_first_visit_stays_light(built: Path) -> None:
    names = manifest(built)
    weights = {name: (built / f"{file}.br").stat().st_size for name, file in names.items()}
    assert weights["app_css"] + weights["app_js"] < CSS_AND_JS_LIMIT, weights
    loaded = weights["app_css"] + weights["app_js"] + weights["icons"]
    # The page itself and the mark take 8 KB. An icon takes about 150 bytes.
    assert loaded < PAGE_LIMIT - 10 * KILOBYTE, (
        f"Styles, scripts and icons of a first visit have {loaded} bytes. What only some pages "
        "need goes into `pages/` of a feature's assets."
    )


@pytest.mark.parametrize("path", ["/", "/account/login"])
def test_a_page_loads_one_stylesheet_and_scripts_that_do_not_block(
    built: Path, client: Browser, path: str
) -> None:
    page = client.get(path).text
    assert len(re.findall(r'<link[^>]*rel="stylesheet"', page)) == 1
    scripts = re.findall(r"<script[^>]*>", page)
    assert all(" defer" in script for script in scripts)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page), "everything is from this host"
    if path == "/":
        assert len(scripts) == 1, "A script of one page goes into `pages/` of a feature's assets."


def test_the_icons_of_a_page_are_in_the_sprite(built: Path, client: Browser) -> None:
    sprite = (built / manifest(built)["icons"]).read_text()
    known = set(re.findall(r'id="([^"]+)"', sprite))
    may_open = rows("ACCESS")
    for rule in RULES:
        if (
            rule.arguments
            or "GET" not in rule.methods
            or may_open.get(rule.endpoint) not in {ANYONE, GUESTS}
        ):
            continue
        page, path = client.get(str(rule)).text, str(rule)
        assert set(re.findall(r'<use href="[^"#]*#([^"]+)"', page)) <= known, path


def test_an_icon_that_does_not_exist_is_reported(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.html").write_text("{{ icon('no-such-icon') }}")
    monkeypatch.setattr(assets, "TEMPLATES", tmp_path)
    with pytest.raises(assets.UnknownIcon, match="no-such-icon"):
        assets.build(app)


def test_pages_work_before_anything_is_built(
    app: Flask, client: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "static_folder", str(tmp_path))
    monkeypatch.delitem(app.extensions, "asset_addresses", raising=False)
    assert client.get("/account/login").status_code == 200
    assert client.get("/no-such-page").status_code == 404


def test_the_same_sources_give_the_same_names(app: Flask, built: Path) -> None:
    before = manifest(built)
    assert assets.build(app) == before


def test_two_builds_at_once_leave_whole_files(app: Flask, built: Path) -> None:
    failures: list[BaseException] = []

    def build() -> None:
        try:
            assets.build(app)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not list(built.glob(".writing-*"))
    test_every_file_is_compressed_beforehand(built)


def test_a_build_removes_stale_files(
    app: Flask, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in ("", ".br", ".gz"):
        (built / f"app.0123456789ab.css{suffix}").write_bytes(b"old")
    (built / ".writing-killed").mkdir()
    assets.build(app)
    assert (built / "app.0123456789ab.css").exists(), "a page that is open may still want it"
    monkeypatch.setattr(assets, "STALE_AFTER", -1)
    assets.build(app)
    assert not list(built.glob("app.0123456789ab.*"))
    assert not (built / ".writing-killed").exists()


@pytest.mark.parametrize("script", sorted(assets.SCRIPTS.glob("*.js")), ids=lambda path: path.name)
def test_scripts_have_no_template_literals(script: Path) -> None:
    """The minifier would remove the spaces inside them."""
    assert "`" not in re.sub(r"//.*", "", script.read_text())


def test_styles_are_plain_ascii() -> None:
    """The compiler would otherwise write a byte order mark into the middle of the bundle."""
    for path in assets.STYLES.glob("*.scss"):
        assert path.read_text().isascii(), path.name


def test_only_the_tokens_name_colours() -> None:
    for path in assets.STYLES.glob("*.scss"):
        if path.name == "_tokens.scss":
            continue
        rules = re.sub(r"//.*", "", path.read_text())
        assert not re.search(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsl|\boklch\(", rules), path.name


# Contrast, WCAG 2.2: 4.5 for text (1.4.3), 3 for the edges of fields and the focus ring (1.4.11).

TEXT, EDGE = 4.5, 3.0
SURFACES = ("page", "surface", "sunken", "hover")
PAIRS = [
    *((ink, surface, TEXT) for ink in ("text", "text-quiet", "text-faint") for surface in SURFACES),
    *(("accent-text", surface, TEXT) for surface in (*SURFACES, "accent-soft")),
    *((f"{tone}-text", f"{tone}-soft", TEXT) for tone in ("success", "warning", "danger", "info")),
    *((f"{tone}-text", "surface", TEXT) for tone in ("success", "warning", "danger", "info")),
    *(("accent-contrast", fill, TEXT) for fill in ("accent", "accent-hover")),
    *(("danger-contrast", fill, TEXT) for fill in ("danger", "danger-hover")),
    *(("line-strong", surface, EDGE) for surface in ("page", "surface")),
]


def tokens(folder: Path) -> dict[str, dict[str, str]]:
    """Return the colours of the built stylesheet, by colour scheme."""
    css = (folder / manifest(folder)["app_css"]).read_text()
    light = re.search(r":root\{color-scheme:light dark;(.*?)\}", css)
    dark = re.search(r"prefers-color-scheme: ?dark\)\{:root\{(.*?)\}", css)
    assert light
    assert dark
    read = [
        dict(re.findall(r"--([\w-]+): ?(oklch\([^)]+\))", part.group(1))) for part in (light, dark)
    ]
    return {"light": read[0], "dark": {**read[0], **read[1]}}


def luminance(colour: str) -> float:
    """Return the relative luminance of an oklch colour (CSS Color 4), clipped to the sRGB gamut."""
    lightness, chroma, hue = (float(part) for part in colour[6:-1].split())
    a, b = (chroma * f(math.radians(hue)) for f in (math.cos, math.sin))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(max(part, 0), 1) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_contrast_meets_wcag_aa(
    built: Path, scheme: str, ink: str, ground: str, least: float
) -> None:
    colours = tokens(built)[scheme]
    one, two = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    ratio = (one + 0.05) / (two + 0.05)
    assert ratio >= least, f"{ink} on {ground} is {ratio:.2f}"
