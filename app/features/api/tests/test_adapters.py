"""Adapters of other features: that of the guide works, and all of them go with the API."""

import re
from pathlib import Path

import pytest

from app.kit.features import loading
from tests.fixtures.clones import git

pytestmark = pytest.mark.slow

NEW = "projects"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks() -> list[str]:
    """Return the code of the page about adapters."""
    page = Path(__file__).parents[1] / "adding_resources.md"
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def test_the_adapter_of_the_guide_works(in_clone, clone):
    made = in_clone("new", NEW, "name:str", "--admin")
    assert made.returncode == 0, made.stderr
    folder = clone / f"app/features/{NEW}"
    code, tests = blocks()
    (folder / "api.py").write_text(code)
    (folder / "tests/test_api.py").write_text(tests)
    tried = in_clone(
        *("test", "-q", "-k", "project", f"app/features/{NEW}/tests/test_api.py"),
        *("app/features/api/tests/test_operations.py", "app/features/api/tests/test_reference.py"),
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    # The rows of operations are where the message of a missing one says that they belong.
    text = (folder / "tests/test_api.py").read_text()
    (folder / "tests/test_api.py").write_text(text.replace('"api.get_project"', '"api.gone"'))
    tried = in_clone("test", "-q", "tests/contracts/test_routes.py", "-k", "lists_every_route")
    file = f"app/features/{NEW}/tests/test_api.py"
    assert f"Add a row for api.get_project to ACCESS in {file}" in tried.stdout


def test_the_api_comes_off_with_all_adapters(in_clone, clone):
    adapters = loading.adapters("api")
    assert adapters
    removed = in_clone("features", "remove", "api", "--yes")
    assert removed.returncode == 0, removed.stderr
    for name, module in adapters:
        assert not (clone / f"app/features/{name}/{module}.py").exists()
        assert not (clone / f"app/features/{name}/tests/test_{module}.py").exists()
        assert f"app/features/{name}/{module}.py" in removed.stdout
    named = re.search("These files still name it: (.*)\\.", removed.stdout)
    # The benchmarks measure the whole kit.
    left = [one for one in named[1].split(", ") if "benchmarks/" not in one] if named else []
    assert not left
    assert not git(clone, "diff", "--name-only")
    assert in_clone("routes").returncode == 0
