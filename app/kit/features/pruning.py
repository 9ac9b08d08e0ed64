"""Remove the files of a feature, and what other files have for it.

This needs neither the application nor a database, so an upgrade prunes a release with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from app.kit.features import FOLDER, checkout, guides, installed
from app.kit.features.checkout import git, path_of
from app.kit.generator import ledger, writing
from settings import manifests
from settings.manifests import Manifest
from settings.toml_table import shown


def prune(names: Iterable[str]) -> dict[str, str]:
    """Remove the files of features, and return all that went, with the reason for each.

    A feature that requires one of them goes, too.
    """
    gone: dict[str, str] = {}
    leaving = {name: "" for name in names if name in installed()}
    for name, feature in installed().items():  # each after the features that it requires
        if missing := [one for one in feature.requires if one in leaving]:
            leaving.setdefault(name, f"It requires {', '.join(missing)}.")
    for name in reversed([name for name in installed() if name in leaving]):
        feature = installed()[name]
        documents = dict(guides.without(feature))
        remove_files(feature, documents, list(own_permissions(feature)))
        gone[name] = leaving[name]
        installed.cache_clear()
        manifests.read_once.cache_clear()
    return gone


def remove_files(
    feature: Manifest, documents: Mapping[Path, str], permissions: Iterable[str]
) -> list[str]:
    """Remove the files of a feature, and return the packages that went with it."""
    git("rm", "-r", "--quiet", path_of(feature.name))
    shutil.rmtree(FOLDER / feature.name, ignore_errors=True)  # caches of Python
    for path, text in documents.items():
        path.write_text(text, encoding="utf-8")
    checkout.remove_permissions(permissions)
    packages = checkout.remove_packages(feature.name)
    for path in adapters(feature):
        path.unlink()
    # The picture has the lines of the core and of the features that stay.
    checkout.write_overviews()
    git("add", "--update")
    return packages


def adapters(feature: Manifest) -> list[Path]:
    """Return the adapters that other features have for this one, with their tests.

    The templates with which the generator writes new ones count, too, and so do examples of use.
    """
    examples = checkout.examples_of(feature.name)
    if not feature.adapters:
        return examples
    names = (f"{feature.adapters}.py", f"tests/test_{feature.adapters}.py")
    written = [path for name in names for path in FOLDER.glob(f"*/{name}")]
    templates = [path for name in names for path in writing.TEMPLATES.glob(f"{name}.jinja")]
    return [*written, *templates, *examples]


def own_permissions(feature: Manifest) -> Iterator[str]:
    """Yield the permissions of a copy that nothing but this feature uses."""
    text = ledger.FILE.read_text(encoding="utf-8")
    others = {name for one in installed().values() for name in one.permissions if one != feature}
    for name in feature.permissions:
        if (
            name not in others
            and ledger.has_bit_of_a_copy(text, name)
            and not _users(feature, name)
        ):
            yield name


def _users(feature: Manifest, permission: str) -> list[str]:
    """Return the files outside the feature and the ledger that name a permission."""
    pattern = rf"\b{permission}\b"
    files = git("grep", "-lE", pattern, "--", "*.py", "*.html", "*.txt", may_fail=True)
    own = (f"{path_of(feature.name)}/", "examples/", shown(ledger.FILE))
    return [name for name in files.split() if not name.startswith(own)]
