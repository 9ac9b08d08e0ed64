"""Where passkeys work: their domain, and the origin of a page within it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from flask import current_app


@dataclass(frozen=True)
class Place:
    """The domain of passkeys (the relying party's id) and the origin of a page within it."""

    domain: str
    origin: str


def at(url: str) -> Place:
    """Return the place of the page with this URL."""
    parts = urlsplit(url)
    return Place(domain(), f"{parts.scheme}://{parts.netloc}")


def domain() -> str:
    """Return the domain for which passkeys are made."""
    config = current_app.config
    found: str = config["PASSKEY_DOMAIN"] or urlsplit(config["APP_URL"]).hostname or ""
    return found


def problem_at(url: str) -> str:
    """Return in a sentence why browsers have no passkeys on the page with this URL, or ""."""
    return _problem(url, domain(), current_app.config["APP_URL"])


@lru_cache(maxsize=128)  # The sign-in page asks each time.
def _problem(url: str, known: str, home: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_ip_address(known):
        return "Passkeys need a host name. Set APP_URL to one, such as http://localhost:5000."
    if host != known and not host.endswith(f".{known}"):
        return f"Passkeys do not work at {host}. Open {home} in place of this address."
    if parts.scheme != "https" and host.rpartition(".")[2] != "localhost":
        return "Passkeys need HTTPS, and this page was opened over HTTP."
    return ""


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
