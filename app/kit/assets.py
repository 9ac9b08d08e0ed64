"""Build the Flask-Assets bundles into hashed, compressed files in static/gen.

`build` writes the stylesheet, the script and the icon sprite that pages load. It also writes
`vendor_css` and `vendor_js`, for pages that need Bootstrap's scripts, and a bundle for each file in
the folder `pages` of a feature. A JSON manifest maps each asset to its file.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import flask_bootstrap
from flask import Flask, current_app
from flask_assets import Bundle
from webassets.filter import get_filter
from whitenoise.compress import Compressor

from app.extensions import assets
from app.kit import features, icons, slots

APP = Path(__file__).parents[1]
STYLES = APP / "assets" / "styles"
SCRIPTS = APP / "assets" / "scripts"
IMAGES = APP / "assets" / "images"
TEMPLATES = APP / "templates"
FEATURES = features.folders()
BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5"

MANIFEST = "manifest.json"
# A page of an older release may still request its files while a new release starts.
STALE_AFTER = 7 * 24 * 3600  # seconds
DEBUG_STALE_AFTER = 60
# While DEBUG is on, sources are checked this often, in seconds.
WATCH_INTERVAL = 0.5


def drop_source_map(source: IO[str], out: IO[str], **_: object) -> None:
    """Remove the reference to a source map, which is not served."""
    out.write(re.sub(r"(/\*|//)# sourceMappingURL=\S+( \*/)?", "", source.read()).strip() + "\n")


vendor_css = Bundle(
    str(BOOTSTRAP / "css" / "bootstrap.min.css"), filters=drop_source_map, output="gen/vendor.css"
)
vendor_js = Bundle(
    str(BOOTSTRAP / "umd" / "popper.min.js"),
    str(BOOTSTRAP / "js" / "bootstrap.min.js"),
    filters=drop_source_map,
    output="gen/vendor.js",
)
app_css = Bundle(
    vendor_css,
    Bundle(
        str(STYLES / "app.scss"),
        *(str(path) for folder in FEATURES for path in sorted(folder.glob("*.scss"))),
        filters=get_filter("libsass", style="compressed"),
    ),
    output="gen/app.css",
)
# The pages' menus and drawers need no Bootstrap script, so vendor_js (21 KB) is not part of this.
app_js = Bundle(
    *(str(path) for folder in (SCRIPTS, *FEATURES) for path in sorted(folder.glob("*.js"))),
    filters="jsmin",
    output="gen/app.js",
)


def bundle_of(path: Path) -> Bundle:
    """Return the bundle of a style or a script that one page alone loads."""
    is_style = path.suffix == ".scss"
    return Bundle(
        str(path),
        filters=get_filter("libsass", style="compressed") if is_style else "jsmin",
        output=f"gen/{path.stem}.{'css' if is_style else 'js'}",
    )


def pages_of(suffix: str) -> dict[str, Bundle]:
    """Return the bundles of the files in the folders `pages` of features, by name."""
    kind = "css" if suffix == "scss" else suffix
    paths = (path for folder in FEATURES for path in sorted(folder.glob(f"pages/*.{suffix}")))
    return {f"{path.stem}_{kind}": bundle_of(path) for path in paths}


BUNDLES = {
    **pages_of("scss"),
    **pages_of("js"),
    "vendor_css": vendor_css,
    "vendor_js": vendor_js,
    "app_css": app_css,
    "app_js": app_js,
}

# icon('house'), symbol='house', empty_state('house', …), and the last part of a link that a
# template adds to a menu: ('main.index', 'Home', 'house'). app.kit.slots returns the menu icons.
ICON_USES = (
    re.compile(r"""\bicon\(\s*['"]([a-z0-9-]+)['"]"""),
    re.compile(r"""\bsymbol\s*=\s*['"]([a-z0-9-]+)['"]"""),
    re.compile(r"""\bempty_state\(\s*['"]([a-z0-9-]+)['"]"""),
    re.compile(r"""\(\s*['"][\w.]+['"]\s*,\s*['"][^'"]*['"]\s*,\s*['"]([a-z0-9-]+)['"]\s*\)"""),
)

_build_lock = threading.Lock()


class UnknownIcon(Exception):
    """A template names an icon that Bootstrap Icons does not have."""


def init_app(app: Flask) -> None:
    """Register the bundles and the template global `asset_url`."""
    app.config.setdefault("ASSETS_DEBUG", False)
    assets.init_app(app)
    for name, bundle in BUNDLES.items():
        assets.register(name, bundle)
    app.jinja_env.globals["asset_url"] = asset_url


def build(app: Flask) -> dict[str, str]:
    """Build every bundle into static/gen and return the manifest: a file name for each asset.

    This is safe while another process builds or serves. File names hold a hash of the content, and
    every file is renamed into place, the manifest last. Raises UnknownIcon if an icon is missing.
    """
    folder = _folder(app)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {}
    with _build_lock, app.app_context():
        for name, bundle in BUNDLES.items():
            text = io.StringIO()
            bundle.build(force=True, output=text, disable_cache=True)
            kind = name.rpartition("_")[2]
            stem = name.rpartition("_")[0]
            manifest[name] = _write(folder, stem, kind, text.getvalue().encode())
        manifest["icons"] = _write(folder, "icons", "svg", _sprite().encode())
        for image in sorted(IMAGES.glob("*.svg")):
            manifest[image.stem] = _write(folder, image.stem, "svg", image.read_bytes())
        _replace(folder / MANIFEST, json.dumps(manifest, indent=2).encode())
        _remove_stale(folder, keep=set(manifest.values()))
    app.extensions.pop("asset_addresses", None)
    return manifest


def asset_url(name: str) -> str:
    """Return the URL of a built asset, or "" if nothing was built, so that the page still loads."""
    # A page calls this about twenty times, and each access through the proxy costs a lookup.
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return _addresses(app).get(name, "")


def styles_version(app: Flask) -> str:
    """Return a hash of the current styles, scripts and icons for live reload."""
    return _digest("".join(sorted(_addresses(app).values())).encode())


def pages_version(app: Flask) -> str:
    """Return a hash for live reload that changes with a template, a script or a restart."""
    started: str = app.extensions.setdefault("started_at", str(time.time_ns()))
    return _digest((started + _fingerprint(TEMPLATES, SCRIPTS, *FEATURES)).encode())


def _fingerprint(*folders: Path) -> str:
    """Return a hash that changes whenever a file under one of the folders changes."""
    return _digest(repr(sorted(one for folder in folders for one in _times(str(folder)))).encode())


def _times(folder: str) -> Iterator[tuple[str, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in {"__pycache__", "tests"}:  # no page is of them
                yield from _times(entry.path)
        elif entry.is_file():  # An editor may lock a file with a link that leads nowhere.
            yield entry.path, entry.stat().st_mtime_ns


def _folder(app: Flask) -> Path:
    return Path(app.static_folder or "") / "gen"


def _addresses(app: Flask) -> dict[str, str]:
    """Read the manifest once. While DEBUG is on, rebuild whenever a source has changed."""
    if app.debug:
        _rebuild_when_changed(app)
    addresses: dict[str, str] | None = app.extensions.get("asset_addresses")
    if addresses is None:
        try:
            manifest = json.loads((_folder(app) / MANIFEST).read_text())
        except (OSError, ValueError):
            # This is not cached, because another process may be about to write the manifest.
            return {}
        folder = f"{app.static_url_path}/gen"
        addresses = {name: f"{folder}/{file}" for name, file in manifest.items()}
        app.extensions["asset_addresses"] = addresses
    return addresses


def _rebuild_when_changed(app: Flask) -> None:
    watch = app.extensions.setdefault("asset_watch", {"checked": 0.0, "seen": None})
    now = time.monotonic()
    if now - watch["checked"] < WATCH_INTERVAL:
        return
    watch["checked"] = now
    seen = _fingerprint(APP / "assets", TEMPLATES, *FEATURES)
    if seen == watch["seen"]:
        return
    watch["seen"] = seen
    try:
        build(app)
    except Exception:
        # A half-edited stylesheet must not break the page, so the last build stays.
        app.logger.exception("The assets could not be built")


def _sprite() -> str:
    """Return an SVG sprite of the Bootstrap Icons that templates use."""
    used = slots.icons() | icons.used()
    for template in (path for folder in (TEMPLATES, *FEATURES) for path in folder.rglob("*.html")):
        text = template.read_text(encoding="utf-8")
        for pattern in ICON_USES:
            used.update(pattern.findall(text))
    source = (BOOTSTRAP / "icons" / "bootstrap-icons.svg").read_text(encoding="utf-8")
    symbols = []
    for name in sorted(used):
        found = re.search(rf'<symbol[^>]* id="{re.escape(name)}">.*?</symbol>', source, re.DOTALL)
        if found is None:
            raise UnknownIcon(f"A template uses '{name}', which Bootstrap Icons does not have.")
        symbols.append(re.sub(r' class="[^"]*"', "", found.group(), count=1))
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _write(folder: Path, stem: str, kind: str, content: bytes) -> str:
    """Write content and its compressed copies under a hashed name, and return that name."""
    name = f"{stem}.{_digest(content)}.{kind}"
    if not (folder / name).exists():
        _replace(folder / name, content, Compressor(quiet=True))
    return name


def _replace(target: Path, content: bytes, compressor: Compressor | None = None) -> None:
    """Write a file atomically, after its compressed copies."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".writing-") as folder:
        path = Path(folder, target.name)
        path.write_bytes(content)
        copies = compressor.compress(str(path)) if compressor else []
        for written in [*copies, str(path)]:
            os.chmod(written, 0o644)
            os.replace(written, target.with_name(Path(written).name))


def _remove_stale(folder: Path, keep: set[str]) -> None:
    """Delete the files of earlier builds, except recent ones that an open page may request."""
    limit = time.time() - (DEBUG_STALE_AFTER if current_app.debug else STALE_AFTER)
    for path in folder.iterdir():
        name = path.name.removesuffix(".br").removesuffix(".gz")
        if name in keep or name == MANIFEST:
            continue
        try:
            if path.stat().st_mtime < limit:
                # A build that was killed leaves its temporary folder behind.
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            # Another process removed it first.
            continue
