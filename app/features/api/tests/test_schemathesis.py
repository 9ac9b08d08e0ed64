"""Schemathesis finds nothing: every operation keeps to its description, whatever is sent.

It sends examples, edge cases, random values, and sequences of calls whose ids come from answers.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from app.extensions import db
from app.features.api.tests.support import give_token
from app.features.api.web import description
from app.features.api.web.disruption import DISRUPTIVE
from tests import factories
from tests.routes import APP
from tests.serving_threads import serving

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("schemathesis")
OWN_TOKEN = 2_000_000_011  # an id that no call meets by chance


@pytest.fixture
def url(web, monkeypatch):
    """Serve the API, and return its URL."""
    for setting in ("API_LIMIT_BY_TOKEN", "API_LIMIT_BY_IP"):
        monkeypatch.setitem(web.config, setting, 1_000_000)
    monkeypatch.setitem(web.config, "PROPAGATE_EXCEPTIONS", False)
    with serving(make_server("localhost", 0, web, threaded=True)) as server:
        yield f"http://localhost:{server.port}"


@pytest.fixture
def secret(web):
    """Return a token of an administrator, among users of every status."""
    admin = factories.make_user(role="Administrator")
    for state in ({}, {"confirmed": False}, {"invited": True}, {"suspended": True}):
        factories.make_user(**state)
    made = give_token(admin)
    made.token.id = OWN_TOKEN
    db.session.commit()
    return made.secret


def disruptive_paths():
    """Return the paths with operations after which other calls fail. Each is tried apart."""
    for path, operations in description.of(APP)["paths"].items():
        if any(one.get(DISRUPTIVE) for one in operations.values() if isinstance(one, dict)):
            yield path


CHOICES = [
    ("--exclude-by", f"/{DISRUPTIVE} == true"),
    *(("--include-path", path) for path in disruptive_paths()),
]


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_schemathesis_finds_nothing(choice, url, secret, tmp_path):
    done = subprocess.run(
        [
            *(COMMAND, "--config-file", HERE / "schemathesis.toml", "run"),
            *(f"{url}/api/v1/openapi.json", "--origin", url),
            *("--header", f"Authorization: Bearer {secret}"),
            *("--checks", "all", "--max-examples", "3", "--seed", "1", "--warnings", "off"),
            *choice,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = done.stdout.partition(" FAILURES ")[2] or done.stdout + done.stderr
    assert done.returncode == 0, found[:20_000]
