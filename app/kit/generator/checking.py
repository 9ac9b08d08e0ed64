"""Check a planned feature against the application that it would be a part of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from flask import current_app
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from app.extensions import Base, db
from app.kit import audit
from app.kit.assets import BOOTSTRAP
from app.kit.features import FOLDER, installed
from app.kit.generator import ledger, naming, writing
from app.kit.generator.plan import FeaturePlan
from app.kit.generator.refusal import Refused

ADAPTER = "api"  # the module that --api writes, for the feature whose adapters have this name
MOST_OF_A_NAME = 63
MOST_OF_A_KIND = 32  # of files, as app/kit/storage stores them
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
ICONS = BOOTSTRAP / "icons" / "bootstrap-icons.svg"


def check(plan: FeaturePlan) -> None:
    """Raise Refused, with what to do, if the feature cannot be written."""
    _check_new(plan.name)
    _check_fields(plan)
    _check_kinds_of_files(plan)
    _check_free(plan)


def _check_new(name: str) -> None:
    if (FOLDER / name).exists():
        raise Refused(
            f"There is a feature {name} already: app/features/{name}. Choose another name, or "
            f"remove it first: python manage.py features remove {name}"
        )
    if name in db.metadata.tables:
        raise Refused(f"There is a table {name} already. Choose another name for the feature.")
    with suppress(OperationalError):  # The tables of the code are known without a database.
        is_there = inspect(db.session.connection()).has_table(name)
        db.session.rollback()  # On SQLite, the transaction holds the write lock.
        if is_there:
            raise Refused(
                f"The database has a table {name} already, of a feature that was removed perhaps. "
                "Drop it, or choose another name."
            )


def _check_fields(plan: FeaturePlan) -> None:
    if not plan.admin and not plan.account:
        raise Refused(
            "Say who uses it: --admin for administrators, --account for members, or both."
        )
    if plan.api and not any(one.adapters == ADAPTER for one in installed().values()):
        raise Refused(
            f"No feature loads {ADAPTER}.py, so --api would write nothing that works. Leave it "
            "out, or add the feature of the API first: python manage.py features"
        )
    if not any(field.kind == "str" and not field.optional for field in plan.fields):
        raise Refused("Rows need a name: add a field of type str, such as name:str.")
    if plan.account and (plan.owner is None or plan.owner.optional):
        raise Refused("--account shows members their own rows: add a field such as owner:user.")
    if f' id="{plan.icon}">' not in ICONS.read_text(encoding="utf-8"):
        raise Refused(f"“{plan.icon}” is no icon. See https://icons.getbootstrap.com for names.")
    others = [user.name for user in plan.users[1:] if not user.optional]
    if plan.account and others:
        raise Refused(
            f"With --account, {others[0]} has to be optional ({others[0]}:user?): a form in which "
            "members choose users would tell them who has an account."
        )
    for field in plan.fields:
        if field.name in {plan.singular, plan.name}:
            raise Refused(f"A field cannot be called “{field.name}”, as the feature is.")
        table = field.target.table if field.target else "users"
        key = f"fk_{plan.name}_{field.column}_{table}"
        if field.is_relation and len(key) > MOST_OF_A_NAME:
            raise Refused(
                f"The key {key} has more than {MOST_OF_A_NAME} characters, which PostgreSQL cuts. "
                f"Shorten “{plan.name}” or “{field.name}”."
            )


def _check_kinds_of_files(plan: FeaturePlan) -> None:
    for file in plan.files:
        if len(plan.kind_of(file)) > MOST_OF_A_KIND:
            raise Refused(
                f"“{plan.kind_of(file)}” is too long for a kind of files: use at most "
                f"{MOST_OF_A_KIND} characters for “{plan.singular}” and “{file.name}” together."
            )


def _check_free(plan: FeaturePlan) -> None:
    """Raise Refused if the application has one of the feature's names already."""
    if plan.admin and plan.permission in ledger.bits():
        raise Refused(f"There is a permission {plan.permission} already: app/models/role.py.")
    if plan.singular in audit.NOUNS:
        raise Refused(f"There are events about “{plan.singular}” already. Choose another name.")
    views: Mapping[str, object] = current_app.view_functions
    for endpoint in endpoints(plan):
        if endpoint in views:
            raise Refused(f"There is a view {endpoint} already. Choose another name.")
    _check_classes(plan)


def _check_classes(plan: FeaturePlan) -> None:
    """Raise Refused if a class of the feature cannot have its name.

    Models are found by their names, so these are unique. A model may be called as another class
    is, such as the `Order` of a list, unless the modules of the feature import that one.
    """
    models = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    taken = {name: path for path in _sources() for name in CLASS.findall(path.read_text("utf-8"))}
    imported = _imported(plan)
    for name in classes(plan):
        if name in imported:
            raise Refused(f"The feature imports another {name}. Choose another name.")
        if name in taken and (name in models) == (name == plan.model):
            where = taken[name].relative_to(FOLDER.parents[1])
            raise Refused(f"There is a class {name} already: {where}. Choose another name.")


def _imported(plan: FeaturePlan) -> set[str]:
    """Return the names that the modules of the feature import from elsewhere."""
    modules = [text for path, text in writing.files(plan).items() if path.endswith(".py")]
    imports = [
        node
        for module in modules
        for node in ast.walk(ast.parse(module))
        if isinstance(node, ast.ImportFrom)
    ]
    own = f"app.features.{plan.name}"
    return {
        name.asname or name.name
        for one in imports
        if not (one.module or "").startswith(own)
        for name in one.names
    }


def _sources() -> Iterator[Path]:
    for path in sorted(FOLDER.parent.rglob("*.py")):
        if not {"tests", "migrations"} & set(path.parts):
            yield path


def endpoints(plan: FeaturePlan) -> Iterator[str]:
    """Yield the endpoints of the feature's pages."""
    one, many = plan.singular, plan.name
    shells = [name for name in ("admin", "account") if getattr(plan, name)]
    for shell in shells:
        for view in (many, one, f"new_{one}", f"edit_{one}", f"delete_{one}", f"export_{many}"):
            yield f"{shell}.{view}"
        yield from (f"{shell}.{plan.kind_of(file)}" for file in plan.files)
    yield from (f"admin.{many}_{page}" for page in ("bulk", "operation", "results"))
    if plan.api:
        yield f"api.list_{many}"
        yield from (f"api.{verb}_{one}" for verb in ("create", "get", "change", "delete"))
        yield from (f"api.get_{plan.kind_of(file)}" for file in plan.files)
    if plan.api and plan.admin:
        yield f"api.list_{many}_operations"
        for verb in ("preview", "get", "start", "continue", "stop"):
            yield f"api.{verb}_{many}_operation"


def classes(plan: FeaturePlan) -> Iterator[str]:
    """Yield the names of the feature's classes."""
    model = plan.model
    yield from (model, f"{model}Values", f"{model}Gone", f"{model}Form", f"Delete{model}Form")
    yield from (f"Own{model}Form", f"{model}Schema")
    for field in plan.fields:
        if field.kind == "choice":
            yield model + naming.class_name(field.name)
