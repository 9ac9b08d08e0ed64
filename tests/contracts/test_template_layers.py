"""Templates depend only on the core and on features that their feature requires."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flask import Flask

from app.kit import features

APP = Path(__file__).parents[2] / "app"
CORE = "the core"
ENDPOINT = re.compile(r"""['"]([a-z_]+\.[a-z_]+)['"]""")
# Templates that a template needs, by its name.
NEEDED = re.compile(r"""\{%-?\s*(?:extends|include|from|import)\s+['"]([^'"]+)['"]""")


def owner_of(path: Path) -> str:
    return path.parts[len(APP.parts) + 1] if "features" in path.parts else CORE


def templates() -> dict[str, Path]:
    """Return the templates of the core and of the enabled features, by name."""
    folders = [APP / "templates", *(folder / "templates" for folder in features.folders())]
    return {
        path.relative_to(folder).as_posix(): path
        for folder in folders
        for path in folder.rglob("*.html")
    }


def owner_of_endpoints(app: Flask) -> dict[str, str]:
    owners = {}
    for endpoint, view in app.view_functions.items():
        parts = view.__module__.split(".")
        owners[endpoint] = parts[2] if parts[:2] == ["app", "features"] else CORE
    return owners


@cache
def known_to(owner: str) -> frozenset[str]:
    """Return the owners whose templates `owner` may use: its requirements, direct and indirect."""
    known = frozenset({CORE, owner})
    if owner != CORE:
        for required in features.installed()[owner].requires:
            known |= known_to(required)
    return known


def named_endpoints(text: str, app: Flask) -> Iterator[str]:
    """Yield the endpoints that a template names without checking `may_open`."""
    without_comments = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    for endpoint in set(ENDPOINT.findall(without_comments)) & set(app.view_functions):
        if not re.search(rf"may_open\(['\"]{re.escape(endpoint)}['\"]\)", without_comments):
            yield endpoint


def test_no_core_template_names_a_feature(app: Flask) -> None:
    owners = owner_of_endpoints(app)
    named = {
        f"{name} names {endpoint} of {owners[endpoint]}"
        for name, path in templates().items()
        if owner_of(path) == CORE
        for endpoint in set(ENDPOINT.findall(path.read_text())) & set(owners)
        if owners[endpoint] != CORE
    }
    assert not named, (
        "Have the feature plug in by its feature.toml or a slot of app/kit/slots instead: "
        + "; ".join(sorted(named))
    )


def test_a_template_of_a_feature_names_what_it_requires(app: Flask) -> None:
    owners = owner_of_endpoints(app)
    named = {
        f"{name} of {owner_of(path)} names {endpoint} of {owners[endpoint]}"
        for name, path in templates().items()
        if owner_of(path) != CORE
        for endpoint in named_endpoints(path.read_text(), app)
        if owners[endpoint] not in known_to(owner_of(path))
    }
    assert not named, (
        "Put {% if may_open('…') %} around the link, or add the other feature to `requires` of "
        "the feature.toml beside the template: " + "; ".join(sorted(named))
    )


def test_a_template_needs_no_template_of_another_feature() -> None:
    paths = templates()
    needed = {
        f"{name} needs {other}, which is of {owner_of(paths[other]) if other in paths else 'none'}"
        for name, path in paths.items()
        for other in NEEDED.findall(path.read_text())
        if other not in paths or owner_of(paths[other]) not in known_to(owner_of(path))
    }
    assert not needed, (
        "Move the shared macro down to app/templates/macros, or add the other feature to "
        "`requires`: " + "; ".join(sorted(needed))
    )


def test_core_views_name_no_feature(app: Flask) -> None:
    owners = owner_of_endpoints(app)
    folders = [APP / name for name in ("main", "account", "admin", "services", "emails", "kit")]
    named = {
        f"{path.relative_to(APP.parent)} names {endpoint} of {owners[endpoint]}"
        for folder in folders
        for path in folder.rglob("*.py")
        if "tests" not in path.parts
        for endpoint in set(ENDPOINT.findall(path.read_text())) & set(owners)
        if owners[endpoint] != CORE
    }
    assert not named, (
        "The core knows no feature. Have the feature plug in by a slot of app/kit/slots: "
        + "; ".join(sorted(named))
    )
