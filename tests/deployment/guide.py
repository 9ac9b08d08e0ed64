"""The files of docs/deploy-linux.md as printed, with a test's own paths and ports put in."""

import configparser
import re
from pathlib import Path

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
    """Replace what differs on the machine of a test; each of the places has to be there."""
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def without_ipv6(text: str) -> str:
    """Leave out `listen [::]:…`: not every machine of a test has IPv6."""
    shorter = re.sub(r"^ *listen \[::\]:.*\n", "", text, flags=re.MULTILINE)
    assert shorter != text
    return shorter


def unit(path: str) -> configparser.ConfigParser:
    """Return the sections of a unit of systemd."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(printed(path))
    return parser


def settings() -> dict[str, str]:
    """Return what `/etc/app.env` sets, as systemd reads it: with comments behind values."""
    found = {}
    for line in printed("/etc/app.env").splitlines():
        name, equals, value = line.partition("=")
        assert equals, line
        is_quoted = len(value) > 1 and value[0] == value[-1] == "'"
        found[name] = value[1:-1] if is_quoted else value
    return found
