"""The core needs no feature, the kit needs no core, and a feature needs only what it requires."""

import ast
import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

from app.extensions import db
from app.kit.features import installed
from app.kit.features.loading import adapters
from app.kit.queue import TASKS
from tests.contracts.test_imports import APART, ROOT, edges, name_of, sources
from tests.trees import nodes_of

SIGNING_IN = "app.account.views.sign_in"
# Ratchets: lower them when code is removed. Both stay below 3,500 lines together. The core has
# room for the permissions of a clone, a line or more for each in the ledger.
MOST_LINES_OF_THE_CORE = 1_450
MOST_LINES_OF_THE_KIT = 1_900
# A blueprint imports all of its views to register them, so a view does not need the others.
REGISTERING = {(f"app.{shell}", f"app.{shell}.views") for shell in ("account", "admin", "main")}


def owner_of(module: str) -> str:
    """Return the feature that a module belongs to, or core, kit or settings."""
    match module.split("."):
        case ["app", "features", name, *_rest]:
            return name
        case ["app", "kit" | "extensions", *_rest]:
            return "kit"
        case ["app", *_rest]:
            return "core"
    return "settings"


def owner_of_file(path: Path) -> str:
    return owner_of(".".join(path.relative_to(ROOT).with_suffix("").parts))


def may_know(owner: str) -> set[str]:
    """Return the owners whose modules, endpoints and tasks the code of `owner` may name."""
    if owner in {"settings", "kit"}:
        return {"settings", "kit"} if owner == "kit" else {"settings"}
    if owner == "core":
        return {"settings", "kit", "core"}
    known, features = {owner}, installed()
    for name in reversed(features):  # each feature comes before those that it requires
        if name in known:
            known |= set(features[name].requires)
    return known | may_know("core")


@cache
def all_adapters() -> dict[str, list[tuple[str, str]]]:
    """Return the adapters of each feature, which take many looks at the disk to find."""
    return {base: adapters(base) for base in installed()}


@cache
def may_import(module: str) -> set[str]:
    """Return the owners whose modules a module may import: an adapter knows its base as well."""
    owner, _, name = module.removeprefix("app.features.").partition(".")
    bases = [base for base, adapting in all_adapters().items() if (owner, name) in adapting]
    return may_know(owner_of(module)).union(*map(may_know, bases))


@cache
def graph() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for source, target in edges():
        if (source, target) not in REGISTERING:
            found[source].add(target)
    return found


def closure(module: str) -> dict[str, str]:
    """Return every module that `module` needs, at any remove, with the module that imports it."""
    needed, waiting = {module: ""}, [module]
    while waiting:
        source = waiting.pop(0)
        for target in sorted(graph()[source] - needed.keys()):
            needed[target] = source
            waiting.append(target)
    return needed


def chain(module: str, needed: dict[str, str]) -> str:
    return module if not needed[module] else f"{chain(needed[module], needed)} > {module}"


def lines_of(names: set[str]) -> Counter[str]:
    return Counter(
        {
            name_of(path): len(path.read_text(encoding="utf-8").splitlines())
            for path in sources()
            if name_of(path) in names
        }
    )


def test_signing_in_needs_core_and_kit_only():
    needed = closure(SIGNING_IN)
    wrong = [chain(one, needed) for one in needed if owner_of(one) not in may_know("core")]
    assert not wrong, "Signing in may not need a feature. Cut these chains of imports."


@pytest.mark.parametrize(
    ("owner", "most"), [("core", MOST_LINES_OF_THE_CORE), ("kit", MOST_LINES_OF_THE_KIT)]
)
def test_signing_in_needs_little(owner, most):
    needed = closure(SIGNING_IN)
    lines = lines_of({module for module in needed if owner_of(module) == owner})
    biggest = "\n".join(f"{number}  {chain(one, needed)}" for one, number in lines.most_common(12))
    assert lines.total() <= most, (
        f"Signing in needs {lines.total()} lines of the {owner}. Move what it does not need to a "
        f"module that it does not import. The biggest modules:\n{biggest}"
    )


def test_modules_import_nothing_that_may_be_missing():
    wrong = {
        f"{source} imports {target}"
        for source, target in edges()
        if source != "app" and owner_of(target) not in may_import(source)
    }
    assert not wrong, (
        "The kit knows no core, the core no feature, and a feature what its feature.toml requires. "
        "Register with app.kit.slots or a function of the lower module, or add to `requires`."
    )


def test_nothing_imports_an_adapter():
    """It is not there if its base is off or removed."""
    known = {f"app.features.{name}.{one}" for them in all_adapters().values() for name, one in them}
    wrong = {f"{source} imports {target}" for source, target in edges() if target in known}
    assert not wrong, "Move this to a module of the feature that is always there."


def test_a_feature_imports_the_face_of_another():
    """Features import only the package itself: `from app.features.user_search import Filters`."""
    wrong = {
        f"{source} imports {target}"
        for source, target in edges()
        if target.startswith("app.features.") and target.count(".") > 2
        if owner_of(target) != owner_of(source)
    }
    assert not wrong, "Import it from the package, and list it in the __all__ of its __init__.py."


# References by string


def texts() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "app").rglob("*")):
        if path.suffix in {".html", ".txt", ".py", ".toml"} and not APART & set(path.parts):
            yield path, path.read_text(encoding="utf-8")


def named(path: Path, text: str, names: list[str]) -> set[str]:
    """Return the names that occur in quotation marks in a file, outside comments."""
    if path.suffix == ".py":
        found = {
            node.value
            for node in nodes_of(path)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    else:
        found = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", text))
    return found & set(names)


def is_asked_for(text: str, endpoint: str) -> bool:
    """Tell whether a template first checks that a page exists, or a row action is optional."""
    checked = rf"(?:may_open|has_endpoint)\(\s*['\"]{endpoint}['\"]"
    optional = rf'"{endpoint}"[^()]*is_optional=True'
    return re.search(f"{checked}|{optional}", text) is not None


def test_nothing_names_an_endpoint_that_may_be_missing(app: Flask):
    owners = {}
    for endpoint, view in app.view_functions.items():
        if "." in endpoint:
            owners[endpoint] = owner_of(inspect.unwrap(view).__module__)
    wrong = [
        f"{path.relative_to(ROOT)} names {endpoint}"
        for path, text in texts()
        for endpoint in sorted(named(path, text, list(owners)))
        if owners[endpoint] not in may_know(owner_of_file(path))
        # Two features may refer to each other if both check first.
        and not ("features" in path.parts and is_asked_for(text, endpoint))
    ]
    assert not wrong, (
        "Without the feature, url_for fails. Let the feature add the link by its feature.toml or "
        "app.kit.slots; a template of another feature may ask may_open(endpoint) first."
    )


def test_nothing_names_a_task_that_may_be_missing(app: Flask):
    owners = {name: owner_of(task.function.__module__) for name, task in TASKS.items()}
    wrong = [
        f"{path.relative_to(ROOT)} names the task {name}"
        for path, text in texts()
        if path.suffix == ".py"
        for name in sorted(named(path, text, [one for one in owners if owners[one] != "kit"]))
        if re.search(rf"""enqueue\w*\(\s*["']{name}["']""", text)
        if owners[name] not in may_know(owner_of_file(path))
    ]
    assert not wrong, "Enqueue the tasks of features in the features."


def test_class_names_are_unique():
    """A model of a product may be called as a class that is no model, such as Order."""
    mapped = [mapper.class_ for mapper in db.Model.registry.mappers]
    models = {(one.__module__, one.__name__) for one in mapped}
    found: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for path in sources():
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                is_model = (name_of(path), node.name) in models
                found[node.name, is_model].append(name_of(path))
    twice = {name: places for (name, _), places in found.items() if len(places) > 1}
    assert not twice, f"Rename one of each, so that a name means one thing: {twice}"
