"""The files for Docker and Heroku fit each other, the guides and the code, as far as they tell.

No engine is needed. tests/contracts/test_docs.py compares their settings, and test_snippets.py the
commands of manage.py in the guides.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

import config
from tests.contracts.test_docs import ROOT
from tests.contracts.test_snippets import of

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OF_ONE_SERVICE, OF_SERVICES = {"run", "exec"}, {"up", "stop", "start", "restart", "pull", "logs"}
WITH_VALUE = {"--volume", "-v", "-e", "--env", "--tail"}
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
# The guides write an ellipsis for a value of the reader's own.
OWN = {"…": "dN3v0yq8Yk4cJm1XGzT7uWb2sRhEoP5aLfKiQtVw9xC6ZjDpUe"}


def block(page: str, beginning: str) -> str:
    (found,) = (s.code for s in of("sh") if s.page == page and beginning in s.code)
    return found


def assigned(words: list[str]) -> dict[str, str]:
    """Return the settings among the words of a shell."""
    pairs = (word.partition("=") for word in words if re.match(r"[A-Z_]+=", word))
    return {name: OWN.get(value, value) for name, _, value in pairs}


def test_services_wait_for_services_that_become_well() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], f"{other} is never well"
            else:
                assert SERVICES[other]["restart"] == "no", f"{other} does not complete"
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            there = (ROOT / source).is_file() if source.startswith("./") else False
            assert there or source in COMPOSE["volumes"], f"{name} has {volume}"


def test_guides_name_services_of_compose() -> None:
    lines = [
        (line, snippet)
        for snippet in of("sh", "console")
        for line in snippet.code.replace("\\\n", " ").splitlines()
        if line.strip().startswith("docker compose ")
    ]
    assert len(lines) > 10
    for line, snippet in lines:
        words = shlex.split(re.split(r"[<>|&]", line)[0], comments=True)[2:]
        what, rest = words[0], words[1:]
        values = {at + 1 for at, word in enumerate(rest) if word in WITH_VALUE}
        names = [w for at, w in enumerate(rest) if at not in values and not w.startswith("-")]
        if what in OF_ONE_SERVICE:
            names = names[:1]
        elif what not in OF_SERVICES:
            names = []
        assert set(names) <= SERVICES.keys(), f"{snippet}: {line}"


def test_the_application_starts_with_the_settings_of_the_docker_guide() -> None:
    text = block("docs/deploy-docker.md", "POSTGRES_PASSWORD=…")
    given = assigned(shlex.split(text, comments=True))
    for name in ("release", "web", "web2", "worker"):
        environment = {
            key: re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda m: given.get(m[1], m[2]), value)
            for key, value in SERVICES[name]["environment"].items()
        }
        settings = config.UnixConfig(given | environment)
        assert settings.check() == []
        assert settings.SQLALCHEMY_DATABASE_URI.startswith("postgresql+psycopg://app:")
        assert settings.TRUSTED_PROXIES == 1
    assert config.config[given["FLASK_CONFIG"]] is config.UnixConfig


def test_the_application_starts_with_the_settings_of_the_heroku_guide() -> None:
    text = block("docs/deploy-heroku.md", "heroku config:set")
    text = text.replace('"$(heroku info', '"https://my-app.herokuapp.com" "$(heroku info')
    text = re.sub(r'="\$\([^\n]*token_urlsafe[^\n]*"', "=…", text)
    given = assigned(shlex.split(text, comments=True))
    add_ons = {
        "DATABASE_URL": "postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1",
        "REDIS_URL": "rediss://:p@ec2-1-2-3-4.compute-1.amazonaws.com:6380",
        "PORT": "31337",
    }
    settings = config.HerokuConfig(given | add_ons)
    assert settings.check() == []
    assert settings.HTTPS_ONLY
    manifest = json.loads((ROOT / "app.json").read_text())
    needed = {name for name, one in manifest["env"].items() if one.get("required")}
    assert needed <= given.keys(), "a button of app.json asks for more than the guide sets"
    assert manifest["formation"].keys() <= processes().keys()


def processes() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(text) for name, _, text in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("name", ["Procfile", "Dockerfile"])
def test_the_web_process_reads_its_configuration(name: str) -> None:
    """Without the file, gunicorn would start with its own defaults, and say nothing."""
    commands = [processes()["web"]]
    if name == "Dockerfile":
        commands = [json.loads(found) for found in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)]
    for command in commands:
        assert command[0] == "gunicorn"
        assert (ROOT / command[command.index("-c") + 1]).is_file()
        assert command[-1] == "manage:app"


def test_the_proxy_knows_each_web_service_and_the_update_replaces_each() -> None:
    proxy = (ROOT / "haproxy.cfg").read_text()
    servers = re.findall(r"^ +server (\w+) (\w+):8000$", proxy, re.MULTILINE)
    web = {name for name, one in SERVICES.items() if one.get("build") and "command" not in one}
    assert {host for _, host in servers} == web == {"web", "web2"}
    assert all("ports" not in SERVICES[name] for name in web), "visitors would pass by the proxy"
    assert SERVICES["proxy"]["ports"] == ["127.0.0.1:${WEB_PORT:-8000}:8000"]
    update = block("docs/deploy-docker.md", "build --pull")
    assert re.findall(r"--no-deps --wait (\w+)", update) == sorted(web)


def test_the_image_copies_and_runs_files_that_exist() -> None:
    copied = re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE)
    assert copied
    for line in copied:
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), line
    for script in re.findall(r"scripts/\w+\.py", DOCKERFILE):
        assert (ROOT / script).is_file()
    ports = set(re.findall(r"EXPOSE (\d+)|PORT=(\d+)|0\.0\.0\.0:(\d+)", DOCKERFILE))
    assert {port for found in ports for port in found if port} == {"8000"}
    assert {one["environment"]["PORT"] for one in SERVICES.values() if "build" in one} == {"8000"}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".git", "instance"} <= {line.rstrip("/") for line in ignored}
