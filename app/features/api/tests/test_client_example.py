"""Run examples/api_client.py against a server and a worker, and where few features are on."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.kit.features import installed
from config import BASE_DIR
from settings import product
from tests.fixtures.clones import manage
from tests.running_kit import running_kit

pytestmark = pytest.mark.slow
CLIENT = str(BASE_DIR / "examples" / "api_client.py")
OPTIONAL = {
    "audit": "The audit trail ends",
    "bulk": "Suspended ada",
    "invitations": "Invited",
    "webhooks": "Received user.role_changed",
}
# Features are read once a process. This one has no server, and calls the application itself.
WITHOUT_SERVER = f"""
import functools, runpy, sys, httpx
from manage import app
httpx.Client = functools.partial(httpx.Client, transport=httpx.WSGITransport(app))
sys.argv = ["client", "http://localhost", "{product.admin_email()}", "password"]
runpy.run_path("{CLIENT}")
"""


def test_the_client_does_what_it_says(tmp_path: Path) -> None:
    with running_kit(tmp_path, WEBHOOK_PRIVATE_HOSTS="True") as url:
        arguments = [CLIENT, url, product.admin_email(), "password"]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    for name, words in OPTIONAL.items():
        assert (words in done.stdout) == (name in installed()), done.stdout


def test_the_client_leaves_out_what_is_off(tmp_path: Path) -> None:
    variables = {
        "DEV_DATABASE_URL": f"sqlite:///{tmp_path / 'database.sqlite'}",
        "FEATURES_OFF": ",".join(OPTIONAL.keys() & installed().keys()),
        "INSTANCE_PATH": str(tmp_path),
    }
    for arguments in (("setup_dev",), ("-c", WITHOUT_SERVER)):
        done = manage(BASE_DIR, *arguments, **variables)
        assert done.returncode == 0, done.stderr
    assert "Changed the role of ada" in done.stdout
    assert not any(words in done.stdout for words in OPTIONAL.values()), done.stdout
