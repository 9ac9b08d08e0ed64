"""Run examples/webhook_receiver.py against a server and a worker."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.features.api import tokens as _tokens  # noqa: F401 - the example signs in by the API
from config import BASE_DIR
from settings import product
from tests.browser.conftest import running_kit

pytestmark = pytest.mark.slow
RECEIVER = BASE_DIR / "examples" / "webhook_receiver.py"


def test_the_receiver_prints_events_and_deletes_its_webhook(tmp_path: Path) -> None:
    with running_kit(tmp_path, WEBHOOK_PRIVATE_HOSTS="True") as url:
        who = (product.admin_email(), "password")
        with subprocess.Popen(
            [sys.executable, RECEIVER, url, *who], stdout=subprocess.PIPE, text=True
        ) as receiver:
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == f"Waiting for events of {url}\n"
            token = httpx.post(f"{url}/api/v1/tokens", auth=who, timeout=30).json()["token"]
            assert receiver.stdout.readline().startswith("Received ")
            receiver.send_signal(signal.SIGINT)
        assert receiver.returncode == 0
        headers = {"Authorization": f"Bearer {token}"}
        left = httpx.get(f"{url}/api/v1/webhooks", headers=headers, timeout=30).json()
        assert left["items"] == []
