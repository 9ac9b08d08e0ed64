"""Removing a feature leaves no guide and no example that needs it, or speaks of it as there."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.kit.features import FOLDER, checkout, guides, installed
from app.kit.renaming import KIT_BLOCK
from tests.contracts.test_docs import PAGES_OF_FEATURES, READMES, ROOT, SECTIONS
from tests.fixtures.clones import of_the_kit

PROGRAMS = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *PAGES_OF_FEATURES]
# The words of these have other meanings, or a sentence is true with the feature and without it.
OF_MANY_MEANINGS = {
    *("alerts", "api", "approval", "audit", "backups", "bulk", "deletion", "email_domains"),
    *("health", "impersonation", "imports", "invitations", "jobs", "mailbox", "maintenance"),
    *("metrics", "oauth", "own_data", "passkeys", "profile", "two_factor"),
}


def needed_by(program: Path) -> set[str]:
    found = checkout.NEEDS.search(program.read_text())
    return {*found[1].split(", ")} if found else set()


def imported(program: Path) -> set[str]:
    """Return the packages, of no part of Python, that a program always imports.

    Below an `if`, it imports programs that go with features which it does not need.
    """
    found, waiting = set(), [ast.parse(program.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif not isinstance(node, ast.If):
            waiting += ast.iter_child_nodes(node)
    beside = {one.stem for one in PROGRAMS if needed_by(one) <= needed_by(program)}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - beside


def required(*names: str) -> set[str]:
    lines = [
        one for name in names for one in (ROOT / "requirements" / name).read_text().split("\n")
    ]
    packages = [
        Requirement(line).name for line in lines if line and not line.startswith(("#", "-"))
    ]
    return {canonicalize_name(name) for name in packages}


def test_examples_import_packages_that_stay_as_long_as_they_do() -> None:
    belonging = {
        canonicalize_name(Requirement(package).name): name
        for name, one in installed().items()
        for package in one.packages
    }
    known, distributions = required("common.in", "dev.in"), packages_distributions()
    for program in PROGRAMS:
        needs = needed_by(program)
        assert needs <= installed().keys(), f"{program.name} needs a feature that is not there."
        for module in imported(program):
            package = canonicalize_name(distributions.get(module, [module])[0])
            assert package in known, f"{program.name} imports {module}, which nothing requires."
            feature = belonging.get(package)
            assert feature is None or feature in needs, (
                f"{program.name} imports {module}, which is removed with {feature}: name the "
                "feature in its line “# Needs the features:”, so that it is removed as well."
            )


@cache
def pages_without(name: str) -> dict[Path, str]:
    """Return the pages that stay, as they are once the feature is removed."""
    folder, words = guides.words_of(installed()[name])
    staying = [page for page in PAGES if page.parent.name != name]
    texts = {page: KIT_BLOCK.sub("", page.read_text()) for page in staying}
    return {
        page: text
        if guides.shows_files_of(name, text)
        else guides.text_without(text, folder, words)
        for page, text in texts.items()
    }


def test_chapters_keep_their_sections_without_each_other_feature() -> None:
    for name in installed():
        for page, text in pages_without(name).items():
            other = installed().get(page.parent.name)
            if page not in READMES or other is None or name in other.requires:
                continue  # A feature that requires it is removed first.
            for section in SECTIONS:
                assert f"\n## {section}\n" in text, f"{page} loses “{section}” with {name}."


@of_the_kit
def test_guides_do_not_speak_of_a_feature_that_was_removed() -> None:
    """A sentence goes with a feature if it has a link to its folder (app.kit.features.guides)."""
    for name in installed():
        patterns = FOLDER / name / "tests" / "words.txt"
        if name in OF_MANY_MEANINGS or not patterns.exists():
            continue
        pattern = re.compile("|".join(patterns.read_text().splitlines()), re.IGNORECASE)
        for page, text in pages_without(name).items():
            found = pattern.search(text)
            assert not found, (
                f"{page.relative_to(ROOT)} speaks of {name} without it: "
                f"…{text[max(0, found.start() - 80) : found.end() + 80]}…"
            )
