"""Decide to which URLs webhooks may go, and send a message to one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from flask import current_app

from app.features.webhooks.models import URL_LENGTH
from app.kit import fetching

SECONDS = 10  # from the lookup of the host name to the end of the answer
LONGEST_ANSWER = 2_000  # bytes that the log keeps
HTTPS = 443
FIRST_FREE_PORT = 1024  # ports below belong to mail, logins and other services of a machine
PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


class UrlRefused(Exception):
    """Webhooks may not go to the URL. The message is a sentence for the form."""


def ensure_allowed(url: str) -> None:
    """Raise UrlRefused unless webhooks may go to `url`, as far as it tells without a lookup.

    The addresses of its host are checked at each delivery, because they may change.
    """
    if len(url) > URL_LENGTH:
        raise UrlRefused(f"Use at most {URL_LENGTH:,} characters.")
    if not PRINTABLE.fullmatch(url):
        raise UrlRefused("Use no spaces and only letters of ASCII.")
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError:
        raise UrlRefused("Enter a URL like https://example.com/webhooks.") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise UrlRefused("Enter a URL like https://example.com/webhooks.")
    if "@" in parts.netloc or "#" in url or "\\" in url:
        raise UrlRefused("Leave out user names, passwords, # and backslashes.")
    if not are_private_hosts_allowed():
        _ensure_public(parts, port)


def _ensure_public(parts: SplitResult, port: int | None) -> None:
    if parts.scheme != "https":
        raise UrlRefused("The URL has to begin with https://.")
    if port is not None and port != HTTPS and port < FIRST_FREE_PORT:
        raise UrlRefused(f"Use port {HTTPS}, or one from {FIRST_FREE_PORT} on.")
    host = parts.hostname or ""
    is_private = host == "localhost" or host.endswith(".localhost")
    with suppress(ValueError):  # a host name
        ipaddress.ip_address(host)
        is_private = not fetching.is_public(host)
    if is_private:
        raise UrlRefused("Enter the URL of a server on the Internet.")


def are_private_hosts_allowed() -> bool:
    return bool(current_app.config["WEBHOOK_PRIVATE_HOSTS"])


def post(
    url: str, body: str, headers: Mapping[str, str], *, allows_private: bool
) -> fetching.Fetched:
    """Send a message and return the answer, of which the beginning is read. Raises ServerAway.

    Redirects are not followed. This uses no app context, so that it can run in a thread.
    """
    return fetching.fetch(
        url,
        seconds=SECONDS,
        most=LONGEST_ANSWER,
        data=body,
        headers=headers,
        reaches=(lambda _address: True) if allows_private else fetching.is_public,
        is_cut=True,
    )
