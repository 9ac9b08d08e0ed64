"""The files for people and programs that work on a copy parse, and name the project's versions."""

import configparser
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tests.contracts.test_docs import anchors, is_there

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github/workflows/ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
CONTAINER = ROOT / ".devcontainer"
AGENTS = ROOT / "AGENTS.md"
PYTHON = (ROOT / ".python-version").read_text().strip()


def parsed(path: Path) -> Any:
    """Return a YAML file; the key `on` of workflows is true in YAML 1.1."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def images(path: Path) -> dict[str, str]:
    """Return the tag of each image that a file names."""
    named = re.findall(r"(?:image: |^FROM )([\w/.-]+):([\w.-]+)", path.read_text(), re.MULTILINE)
    return dict(named)


def test_one_python_is_named_everywhere() -> None:
    for path in (ROOT / "Dockerfile", CONTAINER / "Dockerfile", GITHUB, GITLAB):
        assert images(path)["python"].split("-")[0] == PYTHON, path
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    makefile = (ROOT / "Makefile").read_text()
    assert f"--python-version={oldest.removeprefix('>=')} " in makefile


def test_servers_have_one_version_each() -> None:
    there, here = images(ROOT / "compose.yaml"), images(CONTAINER / "compose.yaml")
    for name in ("postgres", "valkey/valkey"):
        assert here[name] == there[name], name


def test_the_container_has_the_programs_of_ci() -> None:
    """Its user is not root, so .ci/run could not install one that is missing."""
    wanted = set(re.findall(r"missing\+=\(([\w -]+)\)", (ROOT / ".ci/run").read_text()))
    installed = (CONTAINER / "Dockerfile").read_text()
    # The image of Python has these.
    missing = {name for name in wanted - {"make", "python3 python3-venv"} if name not in installed}
    assert not missing


def test_the_container_names_what_exists() -> None:
    container = json.loads((CONTAINER / "devcontainer.json").read_text())
    services = parsed(CONTAINER / container["dockerComposeFile"])["services"]
    workspace = services[container["service"]]
    folder = workspace["volumes"][0].split(":")[1]
    assert folder == container["workspaceFolder"]
    assert f"useradd --create-home --shell /bin/bash --uid 1000 {container['remoteUser']}" in (
        (CONTAINER / "Dockerfile").read_text()
    )
    assert container["postCreateCommand"] == "make setup"
    assert set(workspace["depends_on"]) == set(services) - {container["service"]}
    explained = (ROOT / ".env.example").read_text()
    assert all(f"# {name}=" in explained for name in workspace["environment"])
    port = re.search(r"^PORT = (\d+)$", (ROOT / "scripts/build_docs.py").read_text(), re.MULTILINE)
    assert port
    assert container["forwardPorts"] == [5000, int(port[1])]


def test_workflows_run_what_ci_runs_and_may_only_read() -> None:
    workflow = parsed(GITHUB)
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert "permissions" not in job
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make ci"
    for step in job["steps"]:
        if action := step.get("uses"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), f"{action} is not pinned"
            assert step["with"]["persist-credentials"] is False
    assert "pull_request_target" not in GITHUB.read_text()
    assert not re.search(r"run:.*\$\{\{", GITHUB.read_text()), "an expression in a shell"
    pipeline = parsed(GITLAB)
    assert pipeline["ci"]["script"][-1] == "make ci"
    assert pipeline["ci"]["variables"]["GIT_DEPTH"] == "0"
    assert job["steps"][0]["with"]["fetch-depth"] == 0


def test_dependabot_looks_where_the_files_are_and_compiles_as_the_makefile_does() -> None:
    updates = parsed(ROOT / ".github/dependabot.yml")["updates"]
    names = {"uv": "*.in", "docker": "Dockerfile", "docker-compose": "compose.yaml"}
    names["github-actions"] = ".github/workflows/*.yml"
    assert {update["package-ecosystem"] for update in updates} == set(names)
    for update in updates:
        for folder in update.get("directories", [update.get("directory")]):
            found = list((ROOT / folder.lstrip("/")).glob(names[update["package-ecosystem"]]))
            assert found, f"{update['package-ecosystem']}: nothing in {folder}"
    options = re.search(r"^LOCK_OPTIONS = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert options
    for path in (ROOT / "requirements").glob("*.txt"):
        header = path.read_text().split("\n", 2)[1]
        assert options[1] in header, f"{path.name}: run `make lock`"
    # A limit in common.in holds for Dependabot too.
    (ignored,) = updates[0]["ignore"]
    limit = ignored["versions"][0].removeprefix(">=")
    assert f"{ignored['dependency-name']}<{limit}" in (ROOT / "requirements/common.in").read_text()


def test_forms_for_issues_and_changes_parse() -> None:
    forms = ROOT / ".github/ISSUE_TEMPLATE"
    for path in sorted(set(forms.glob("*.yml")) - {forms / "config.yml"}):
        form = parsed(path)
        assert {"name", "description", "body"} <= set(form), path
        for part in form["body"]:
            assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
            assert part["type"] == "markdown" or {"id", "attributes"} <= set(part), path
        ids = [part["id"] for part in form["body"] if "id" in part]
        assert len(ids) == len(set(ids))
    texts = (ROOT / ".github/pull_request_template.md", ROOT / ".gitlab/merge_request_templates")
    assert texts[0].read_text() == (texts[1] / "Default.md").read_text()


def test_the_editors_and_ruff_agree() -> None:
    parser = configparser.ConfigParser()
    parser.read_string("[top]\n" + (ROOT / ".editorconfig").read_text())
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert parser["*.py"].getint("max_line_length") == ruff["line-length"]
    assert parser["Makefile"]["indent_style"] == "tab"


def test_the_guide_for_agents_is_short_and_names_what_exists() -> None:
    """test_docs.py and test_snippets.py check its commands, as those of each guide."""
    text = AGENTS.read_text(encoding="utf-8")
    assert len(text.split()) <= 900, "Move details to a guide."
    for name, heading in re.findall(r"`([\w./-]+\.(?:md|py|in|toml))(?:#([\w-]+))?`", text):
        if name in {"feature.toml", "access.py", "dev.in"}:  # of each feature; in requirements
            continue
        assert is_there(ROOT / name), name
        assert not heading or heading in anchors(ROOT / name), f"{name}#{heading}"
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert module == "pytest" or (ROOT / module.replace(".", "/")).with_suffix(".py").exists()
