"""The generator writes imports of names that exist, also after they have moved."""

import ast
from importlib import import_module
from importlib.util import find_spec

import pytest

from app.kit.features import installed
from app.kit.generator import checking, plan, writing

FIELDS = (
    *("name:str", "owner:user", "status:choice(draft,done)", "fee:money", "seats:int"),
    *("is_open:bool", "starts_at:datetime", "due_on:date", "contact:email", "site:url"),
    *("notes:text?", "role:roles"),
)


def has_api():
    return any(one.adapters == checking.ADAPTER for one in installed().values())


@pytest.mark.parametrize("is_for", ["admin", "account"])
def test_a_written_feature_imports_names_that_exist(app, is_for):
    shells = {name: name == is_for for name in ("admin", "account")}
    asked = plan.make("orders", FIELDS, api=has_api(), **shells)
    for path, text in writing.files(asked).items():
        nodes = ast.walk(ast.parse(text)) if path.endswith(".py") else ()
        for node in nodes:
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module is None or module.startswith("app.features.orders"):
                continue
            for one in node.names:
                is_there = hasattr(import_module(module), one.name)
                assert is_there or find_spec(f"{module}.{one.name}"), (
                    f"Import {one.name} from the module that has it in "
                    f"app/kit/generator/templates/{path}.jinja, in place of {module}."
                )
