"""Read the files in docs/deploy-linux.md as printed, and insert a test's paths and ports."""

import configparser
import re
from pathlib import Path

from tests.deployment import small_systemd

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "deploy-linux.md"
HOST = "app.example.com"


def printed(path: str) -> str:
    """Return the file that the guide shows under its path."""
    pattern = rf"^`{re.escape(path)}`[^\n]*\n\n```\w*\n(.*?)^```"
    found = re.findall(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{PAGE.name} shows {path} {len(found)} times"
    return str(found[0])


def put_in(text: str, places: dict[str, str]) -> str:
    """Replace paths and ports for the machine of a test; each of them must occur."""
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def without_ipv6(text: str) -> str:
    """Remove `listen [::]:…`, because not every machine has IPv6."""
    shorter = re.sub(r"^ *listen \[::\]:.*\n", "", text, flags=re.MULTILINE)
    assert shorter != text
    return shorter


def unit(path: str) -> configparser.ConfigParser:
    """Return the sections of a systemd unit."""
    return small_systemd.parse(printed(path))


def settings() -> dict[str, str]:
    """Return the settings in `/etc/app.env` as systemd reads them."""
    return small_systemd.parse_environment(printed("/etc/app.env"))
