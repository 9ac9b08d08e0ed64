"""The site of the documentation has every guide, no dead link, and needs no network."""

import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
BUILDER = runpy.run_path(str(ROOT / "scripts/build_docs.py"))
ZENSICAL = ROOT / ".venv-docs/bin/zensical"
# Attributes with which a page loads something, unlike the href of an <a>.
LOADS = {"src", "srcset", "poster", "data", "action", "xlink:href"}


@pytest.fixture(scope="module")
def site() -> Any:
    return BUILDER["Site"]()


def test_the_site_has_every_guide_once(site: Any) -> None:
    guides = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("app/features/*/*.md")]
    guides += [*ROOT.glob("examples/*/README.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    missing = {path.relative_to(ROOT).as_posix() for path in guides} - set(site.by_source)
    assert not missing
    targets = [page.target for page in site.pages]
    assert len(targets) == len(set(targets))


def test_the_parts_of_the_readme_are_the_readme(site: Any) -> None:
    """No part is lost, and each page has a title of its own."""
    parts = site.by_source["README.md"]
    headings = set().union(*(page.anchors for page in parts))
    assert headings == BUILDER["anchors"]((ROOT / "README.md").read_text())
    assert len({page.title for page in parts}) == len(parts)


def test_links_to_other_hosts_are_found_in_both_forms() -> None:
    text = "[a](https://a.example/x) <https://b.example> <http://localhost:5000>"
    site = SimpleNamespace(pages=[SimpleNamespace(text=text, source="docs/a.md")])
    found = BUILDER["foreign_links"](site)
    assert found == dict.fromkeys(["https://a.example/x", "https://b.example"], "docs/a.md")


def test_links_between_guides_stay_links(site: Any) -> None:
    """A link to a module becomes text; no link to a page that the site has does."""
    sources = set(site.by_source)
    for page in site.pages:
        for _, _, link in BUILDER["LINK"].findall(BUILDER["without_code"](page.text)):
            folder = ROOT / page.source
            path = (folder.parent / link.partition("#")[0]).resolve()
            if path.is_relative_to(ROOT) and path.relative_to(ROOT).as_posix() in sources:
                assert site.resolve(page, link), f"{page.source}: {link}"


def test_the_reference_shows_modules_that_exist(site: Any) -> None:
    missing = [
        page.source
        for page in site.reference
        if not (path := ROOT / page.source.replace(".", "/")).is_dir()
        and not path.with_suffix(".py").is_file()
    ]
    assert not missing, f"Correct docs/site.toml: there is no {missing}."


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a small copy of the project: no feature but one of its own, and one guide more."""
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("docs", "app/services", "app/kit", "app/assets/images"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    own = tmp_path / "app/features/invoices/README.md"
    own.parent.mkdir(parents=True)
    own.write_text(
        "# Invoices\n\n[Rates](../../../docs/rates.md#of-today) [Reminders](reminders.md#by-mail)\n"
    )
    own.with_name("reminders.md").write_text(
        "# Reminders\n\n## By mail\n\n[Invoices](README.md) [Rates](../../../docs/rates.md)\n"
    )
    (tmp_path / "docs/rates.md").write_text(
        "# Rates\n\n```sh\n# no heading\n```\n\n"
        "## Of today\n\n[Gone](../app/features/gone/README.md)\n"
    )
    return tmp_path


def test_a_copy_has_its_own_chapters_and_none_of_removed_features(copy: Path) -> None:
    site = BUILDER["Site"](copy)
    chapters = [page.target for page in site.pages if page.target.startswith("features/")]
    assert chapters == ["features/invoices.md", "features/invoices/reminders.md"]
    (invoices,), (reminders,), (rates,) = (
        site.by_source[name]
        for name in (
            "app/features/invoices/README.md",
            "app/features/invoices/reminders.md",
            "docs/rates.md",
        )
    )
    assert "(../rates.md#of-today)" in site.rendered(invoices)
    assert "(invoices/reminders.md#by-mail)" in site.rendered(invoices)
    assert "[Invoices](../invoices.md) [Rates](../../rates.md)" in site.rendered(reminders)
    assert rates.anchors == {"rates", "of-today"}
    assert rates in site.sections["More"]
    # The link to a feature that was removed is plain text.
    assert site.rendered(rates).endswith("\nGone\n")


# The built site


class Built(HTMLParser):
    """The links and anchors of a built page, and the URLs that it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (name in LOADS or (name == "href" and tag != "a")):
                self.loads.append(value)
            elif value and name == "href":
                self.links.append(value)


def build(folder: Path, site: Any) -> subprocess.CompletedProcess[str]:
    path = site.write(folder)
    command = [str(ZENSICAL), "build", "--clean", "--strict", "--config-file", str(path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, site: Any) -> dict[Path, Built]:
    if not ZENSICAL.exists():
        pytest.skip("`make docs` makes .venv-docs, which is not there.")
    folder = tmp_path_factory.mktemp("site").resolve()
    done = build(folder, site)
    assert not done.returncode, f"{done.stdout}\n{done.stderr}"
    return {path: Built(path) for path in sorted((folder / "html").rglob("*.html"))}


@pytest.mark.slow
def test_the_built_site_loads_nothing_from_other_hosts(built: dict[Path, Built]) -> None:
    foreign = {
        (path.name, link)
        for path, page in built.items()
        for link in page.loads
        if re.match(r"(https?:)?//", link)
    }
    assert not foreign
    html = next(iter(built)).parents[0]
    styles = "".join(path.read_text() for path in html.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]*", styles)


@pytest.mark.slow
def test_every_link_of_the_built_site_leads_somewhere(built: dict[Path, Built]) -> None:
    dead = set()
    for path, page in built.items():
        for link in [*page.links, *page.loads] if path.name != "404.html" else []:
            if re.match(r"[a-z]+:|//", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            there = (path.parent / name.partition("?")[0]).resolve() if name else path
            there = there / "index.html" if there.is_dir() else there
            if not there.exists() or (
                anchor
                and there in built
                and anchor not in built[there].anchors
                and not anchor.startswith(("only-", "__"))
            ):
                dead.add((path.name, link))
    assert not dead


@pytest.mark.slow
def test_the_reference_has_the_docstrings(built: dict[Path, Built]) -> None:
    (path,) = (path for path in built if path.name == "app.services.users.html")
    assert "app.services.users.create" in built[path].anchors
    assert "Create a confirmed user" in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_dead_link_stops_the_build(copy: Path, built: dict[Path, Built]) -> None:
    site = BUILDER["Site"](copy)
    site.by_source["docs/rates.md"][0].text += "\n[nothing](#no-such-heading)\n"
    done = build(copy / "site", site)
    assert done.returncode
    assert "anchor does not exist" in done.stderr


def test_the_command_refuses_arguments_that_it_does_not_know() -> None:
    command = [sys.executable, "scripts/build_docs.py", "no-such-thing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "serve | links" in done.stderr
