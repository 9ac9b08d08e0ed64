"""Run examples/api_client.py against a server and a worker."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.features.audit import tables as _audit  # noqa: F401 - without these features, the
from app.features.bulk import tables as _bulk  # noqa: F401 - client finds no operation of them
from app.features.invitations import tables as _invitations  # noqa: F401
from app.features.webhooks import tables as _webhooks  # noqa: F401
from config import BASE_DIR
from settings import product
from tests.browser.conftest import running_kit

pytestmark = pytest.mark.slow
CLIENT = BASE_DIR / "examples" / "api_client.py"


def test_the_client_does_what_it_says(tmp_path: Path) -> None:
    with running_kit(tmp_path, WEBHOOK_PRIVATE_HOSTS="True") as url:
        arguments = [url, product.admin_email(), "password"]
        done = subprocess.run(
            [sys.executable, CLIENT, *arguments], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
    assert "The audit trail ends with user.suspended" in done.stdout
    assert "Received user.suspended" in done.stdout
