"""The routes of the app under test, and the tables with the facts that tests need about them.

`tests/access.py` has the core's rows, and the `tests/access.py` of a feature's folder has its own:
they are removed with the feature. Those of an adapter, such as `api.py`, are in its `test_api.py`,
because they are removed with the base of the adapter. The tables:

- ACCESS: who may open a route.
- OPEN_TO_UNCONFIRMED, WITHOUT_SESSION: routes with an exception, and the reason.
- MARKS: the marks of views that gates spare, such as signs_in (app/kit/web/gates.py).
- OPEN_TO: the gates that a view names in @open_to.
- EVENTS: the event that a form leaves in the audit trail, and a function that sends the form.
- WITHOUT_EVENT: forms that leave none, and the reason.
- WITHOUT_API: forms of the admin whose event no operation of the API leaves, and the reason.
- DOWNLOADS: the event that a file leaves, and a function that returns its path.
- WITHOUT_USERS: files that name no user, and the reason.
- WORKING_LINKS: a function that returns a URL with a token that opens the page.
- LINKS: the kinds of links in mails (tests/links.py).
- OWNED: a function that makes a row that one user alone may see, for a name in a URL.
- SHARED: names in URLs of rows that everyone with the permission may see, and the reason.
- HOSTILE: a function that returns ids of rows with hostile texts, for each name in a URL.
- CARDS, MENU: words of the card on the dashboard, and the page in the menu, for a permission.
- FIELDS: the fields of forms, each of which gets odd texts.
- SETTINGS: values of settings that open the pages of a feature that is off by default.
- NOT_OWN_DATA: tables with the id of a user that the download of own data leaves out, and why.
- MAILS: a function that writes the message of this name to a user, for the snapshots of mails.
"""

import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from werkzeug.routing import Rule

from app import create_app
from app.kit import features
from app.kit.features import loading

ANYONE = "anyone"
GUESTS = "guests: signed-in users are sent home"
SIGNED_IN = "signed in, also with an address that is not confirmed"
CONFIRMED = "signed in with a confirmed address"
MANAGERS = "signed in with any permission but the general one"

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
APP = create_app("testing")


def takes_token(endpoint: str) -> bool:
    """Return whether no cookie signs in requests for an endpoint, but perhaps a token does."""
    return hasattr(APP.blueprints.get(endpoint.rpartition(".")[0]), "is_cookieless")


# Tests are parametrised by the routes that exist when they are collected.
RULES = sorted(APP.url_map.iter_rules(), key=str)
# Cookies sign in to pages alone, and not to the operations of an API.
PAGES = [rule for rule in RULES if not takes_token(rule.endpoint)]
FORMS = [rule for rule in PAGES if rule.methods and rule.methods & UNSAFE]

PLACEHOLDER = re.compile(r"<(\w+(?:\([^)]*\))?:)?(\w+)>")
CORE = "tests/access.py"


@cache
def _modules() -> tuple[tuple[str, ModuleType], ...]:
    """Return the files with tables, and their modules, of the core and of features."""
    found = [(CORE, import_module("tests.access"))]
    for folder in features.folders():
        if (folder / "tests" / "access.py").exists():
            file = f"app/features/{folder.name}/{CORE}"
            found.append((file, import_module(f"app.features.{folder.name}.tests.access")))
    for base in features.names():
        for name, module in loading.adapters(base):
            if (features.FOLDER / name / "tests" / f"test_{module}.py").exists():
                file = f"app/features/{name}/tests/test_{module}.py"
                found.append((file, import_module(f"app.features.{name}.tests.test_{module}")))
    return tuple(found)


def rows(table: str) -> dict[Any, Any]:
    """Return the rows of a table from all files, by endpoint or name."""
    merged: dict[Any, Any] = {}
    files: dict[Any, str] = {}
    for file, module in _modules():
        for key, row in getattr(module, table, {}).items():
            assert key not in merged, (
                f"{table} has {key} in {files[key]} and in {file}. Remove one row, or give the "
                "endpoint or the name in the URL of your feature another name."
            )
            merged[key], files[key] = row, file
    return merged


def file_of(endpoint: str) -> str:
    """Return the file with the rows of a route: the one beside its view."""
    view: Any = APP.view_functions[endpoint]
    while hasattr(view, "__wrapped__"):
        view = view.__wrapped__
    parts = view.__module__.split(".")
    if parts[:2] != ["app", "features"]:
        return CORE
    if any((parts[2], parts[3]) in loading.adapters(base) for base in features.names()):
        return f"app/features/{parts[2]}/tests/test_{parts[3]}.py"
    return f"app/features/{parts[2]}/{CORE}"


def check_rows(endpoints: set[str], *tables: str) -> None:
    """Check that a table has a row for each endpoint, and no other row."""
    either = " or ".join(tables)
    known: dict[str, str] = {}
    for table in tables:
        for endpoint in rows(table):
            assert endpoint not in known, (
                f"Remove {endpoint} from {table} or {known[endpoint]}: it is in both."
            )
            known[endpoint] = table
    missing = sorted(endpoints - set(known))
    assert not missing, "\n".join(
        f"Add a row for {endpoint} to {either} in {file_of(endpoint)}." for endpoint in missing
    )
    gone = sorted(set(known) - endpoints)
    assert not gone, f"Remove {', '.join(gone)} from {either}: there is no such route or file."


def row(table: str, endpoint: str) -> Any:
    """Return the row of a route in a table, or fail the test with a message."""
    found = rows(table)
    if endpoint not in found:
        pytest.fail(f"Add a row for {endpoint} to {table} in {file_of(endpoint)}.")
    return found[endpoint]


def rule_id(rule: Rule) -> str:
    return str(rule)


def address(rule: Rule, user_id: int = 2**31 - 1) -> str:
    """Return a URL of a rule, with `user_id` for numbers and a meaningless text for texts."""
    texts = {"job_id": "x-1"}

    def value(found: re.Match[str]) -> str:
        converter, name = found.groups()
        known = {
            None: texts.get(name, "x"),
            "path:": "x",
            "string:": "x",
            "int:": str(user_id),
            "token:": "x.y",
        }
        assert converter in known, f"Say in `address` of {__file__} what {rule} is opened with."
        return known[converter]

    return PLACEHOLDER.sub(value, str(rule))


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"OPTIONS"})
