"""Gather the guides of this copy and build them as a site: site/html, which needs no network.

`python scripts/build_docs.py` builds it, and fails for a link to a page or heading that is missing.
With `serve` it is served on 127.0.0.1 after that. With `links` each link to another host is asked
for instead; no test does that. docs/site.toml orders the pages (docs/decisions/0024).
"""

import functools
import http.server
import json
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 8008
REFERENCE = "Reference"
SETTINGS = ".env.example"

FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
BARE_LINK = re.compile(r"<(https?://[^<>\s]+)>")
PICTURE = re.compile(r"<picture>.*?</picture>", re.DOTALL)
FOREIGN = re.compile(r"^(?:[a-z]+:|//)")


@dataclass
class Page:
    """A page of the site: its Markdown, and the file and heading that it comes from."""

    source: str
    target: str
    text: str
    anchors: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        found = HEADING.search(without_code(self.text))
        return re.sub(r"[`*]", "", found[2]) if found else Path(self.source).stem


def without_code(text: str) -> str:
    """Return Markdown with its code blocks blanked out, every other character in its place."""
    return FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading, and the site too."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {slug(title) for _, title in HEADING.findall(without_code(text))}


def parts(text: str) -> dict[str, str]:
    """Cut a page at its headings of the second level, and return the parts by their anchors."""
    cuts = [
        (found.start(), slug(found[2]))
        for found in HEADING.finditer(without_code(text))
        if len(found[1]) == 2
    ]
    ends = [start for start, _ in cuts[1:]] + [len(text)]
    return {name: text[start:end] for (start, name), end in zip(cuts, ends, strict=True)}


def raised(text: str) -> str:
    """Return a part with each heading one level higher, so that it begins with its title."""
    plain = without_code(text)
    for found in reversed(list(HEADING.finditer(plain))):
        text = text[: found.start()] + text[found.start() + 1 :]
    return text


def target_of(source: str) -> str:
    """Return the path of a file's page on the site.

    It is features/NAME.md for a feature's README, and features/NAME/PAGE.md for another page of it.
    """
    path = Path(source)
    if path.name == "README.md" and len(path.parts) > 1:
        return f"{path.parts[-3]}/{path.parts[-2]}.md"
    if path.parts[0] == "docs" or path.parts[:2] == ("app", "features"):
        return Path(*path.parts[1:]).as_posix()
    return {"README.md": "index.md"}.get(source, f"{path.stem.lower()}.md")


class Site:
    """The pages of this copy of the project, in the order of docs/site.toml."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        plan = tomllib.loads((root / "docs/site.toml").read_text())
        self.pages: list[Page] = []
        self.sections: dict[str, list[Page]] = {}
        taken_apart = {
            name.split("#")[1]
            for section in plan["section"]
            for name in section["pages"]
            if "#" in name
        }
        for section in plan["section"]:
            found = [page for name in section["pages"] for page in self._pages(name, taken_apart)]
            self.pages += found
            self.sections[section["title"]] = found
        self.pages.append(self._settings())
        self.sections["Everyday tasks"].append(self.pages[-1])
        self.reference = list(self._reference(plan["reference"]))
        self.sections[REFERENCE] = self.reference
        self.pages += self.reference
        self.by_source: dict[str, list[Page]] = {}
        for page in self.pages:
            page.anchors = anchors(page.text)
            self.by_source.setdefault(page.source, []).append(page)

    def _pages(self, name: str, taken_apart: set[str]) -> Iterator[Page]:
        """Yield the pages that an entry of docs/site.toml names and no entry before it did."""
        known = {page.source for page in self.pages}
        pattern, _, part = name.partition("#")
        for path in sorted(self.root.glob(pattern)):
            source = path.relative_to(self.root).as_posix()
            text = path.read_text(encoding="utf-8")
            if part:
                yield Page(source, f"{part}.md", raised(parts(text)[part]))
            elif source == "README.md":
                for other in sorted(taken_apart):
                    text = text.replace(parts(text)[other], "")
                yield Page(source, target_of(source), text)
            elif source not in known:
                yield Page(source, target_of(source), text)

    def _settings(self) -> Page:
        text = (self.root / SETTINGS).read_text(encoding="utf-8")
        return Page(SETTINGS, "every-setting.md", f"# Every setting\n\n```sh\n{text}```\n")

    def _reference(self, plan: dict[str, list[str]]) -> Iterator[Page]:
        """Yield a page for each module whose docstrings the site shows."""
        files = [
            path for name in plan["folders"] for path in sorted((self.root / name).glob("*.py"))
        ]
        names = [".".join(path.relative_to(self.root).with_suffix("").parts) for path in files]
        for name in names + plan["modules"]:
            if not name.endswith("__init__"):
                yield Page(name, f"reference/{name}.md", f"# `{name}`\n\n::: {name}\n")

    def resolve(self, page: Page, link: str) -> str | None:
        """Return where a link of a page leads on the site, or None if the site lacks its target."""
        if FOREIGN.match(link):
            return link
        path, _, anchor = link.partition("#")
        folder = posixpath.dirname(page.source)
        source = posixpath.normpath(posixpath.join(folder, path)) if path else page.source
        if (self.root / source).is_dir():
            source = f"{source}/README.md"
        if source.startswith("docs/images/"):
            return posixpath.relpath(
                source.removeprefix("docs/"), posixpath.dirname(page.target) or "."
            )
        choices = self.by_source.get(source, [])
        if anchor:
            choices = [one for one in choices if anchor in one.anchors] or choices
        if not choices:
            return None
        there = posixpath.relpath(choices[0].target, posixpath.dirname(page.target) or ".")
        return f"{there}#{anchor}" if anchor else there

    def rendered(self, page: Page) -> str:
        """Return the Markdown of a page, with links that fit the site.

        A link to a file that the site does not show, such as a module or the chapter of a removed
        feature, becomes plain text.
        """

        def link(found: re.Match[str]) -> str:
            target = self.resolve(page, found[3])
            return f"{found[1]}[{found[2]}]({target})" if target else found[2]

        text, plain = page.text, without_code(page.text)
        for found in reversed(list(LINK.finditer(plain))):
            text = text[: found.start()] + link(found) + text[found.end() :]
        return PICTURE.sub(lambda picture: self._both_schemes(page, picture[0]), text)

    def _both_schemes(self, page: Page, picture: str) -> str:
        """Return a <picture> as one image for each scheme; the switch of the site chooses."""
        values = dict(re.findall(r'(alt|src|srcset)="([^"]*)"', picture))
        return "\n".join(
            f"![{values['alt']}]({self.resolve(page, values[name])}#only-{scheme})"
            for scheme, name in (("light", "src"), ("dark", "srcset"))
        )

    def navigation(self) -> list[dict[str, object]]:
        return [
            {title: [{page.title: page.target} for page in pages]}
            for title, pages in self.sections.items()
            if pages
        ]

    def write(self, folder: Path) -> Path:
        """Write the sources of the site and its configuration, and return the latter's path."""
        shutil.rmtree(folder, ignore_errors=True)
        source = folder / "source"
        for page in self.pages:
            path = source / page.target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.rendered(page), encoding="utf-8")
        images = self.root / "docs/images"
        shutil.copytree(images, source / "images")
        shutil.copy(self.root / "app/assets/images/mark.svg", source / "images/mark.svg")
        path = folder / "zensical.toml"
        path.write_text(configuration(self), encoding="utf-8")
        return path


def configuration(site: Site) -> str:
    """Return docs/zensical.toml with the name, the pages and the place of the code."""
    # A list in JSON is a list in TOML, but the colon of its tables is an equals sign.
    pages = re.sub(r'": ', '" = ', json.dumps(site.navigation(), ensure_ascii=False))
    project = f"[project]\nsite_name = {json.dumps(site.pages[0].title)}\nnav = {pages}\n"
    code = f"[project.plugins.mkdocstrings.handlers.python]\npaths = [{json.dumps(str(site.root))}]"
    text = (site.root / "docs/zensical.toml").read_text(encoding="utf-8")
    return f"{text.replace('[project]', project, 1)}\n{code}\n"


def build(site: Site, folder: Path) -> None:
    """Build the site, and exit if a link or a heading that is linked does not exist."""
    zensical = ROOT / ".venv-docs/bin/zensical"
    if not zensical.exists():
        sys.exit("Zensical is not installed: run `make docs`.")
    path = site.write(folder)
    command = [str(zensical), "build", "--clean", "--strict", "--config-file", str(path)]
    if code := subprocess.run(command, cwd=folder, check=False).returncode:
        sys.exit(code)
    print(
        f"{len(site.pages)} pages in {folder / 'html'}: open index.html, or `make docs ARGS=serve`"
    )


def serve(folder: Path) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler)
    except OSError as error:
        sys.exit(f"Port {PORT} cannot be used: {error.strerror}.")
    with server:
        print(f"http://127.0.0.1:{PORT} - Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def foreign_links(site: Site) -> dict[str, str]:
    """Return each link to another host, with a page that has it."""
    found = {}
    for page in site.pages:
        text = without_code(page.text)
        for link in (*(link for _, _, link in LINK.findall(text)), *BARE_LINK.findall(text)):
            if link.startswith("http") and not re.match(r"https?://(localhost|127\.)", link):
                found[link] = page.source
    return found


def ask(links: dict[str, str]) -> int:
    """Ask for each link, print those that do not answer, and return how many they are."""
    dead = 0
    for link, source in sorted(links.items()):
        request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20):  # noqa: S310 - http and https only
                pass
        except OSError as error:
            dead += 1
            print(f"{source}: {link}: {error}")
    print(f"{len(links)} links to other hosts, {dead} of which did not answer")
    return dead


def main(*arguments: str) -> None:
    if arguments not in {(), ("serve",), ("links",)}:
        sys.exit("Usage: build_docs.py [serve | links]")
    site, folder = Site(), ROOT / "site"
    if arguments == ("links",):
        sys.exit(min(ask(foreign_links(site)), 1))
    build(site, folder)
    if arguments:
        serve(folder / "html")


if __name__ == "__main__":
    main(*sys.argv[1:])
