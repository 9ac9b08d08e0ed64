"""Ask a service whether a password appeared in a data breach (ASVS 5.0 6.2.12).

The service gets the first 5 of 40 digits of the SHA-1 (k-anonymity). It answers with the other 35
digits of every breached password that begins with them.
"""

import hashlib
import logging
import re
from urllib.parse import urlsplit

from flask import current_app

from app.kit import outages, passwords
from app.kit.fetching import ServerAway, fetch

logger = logging.getLogger(__name__)

TIMEOUT = 1  # second, from the lookup of the host name to the end of the answer
PAUSE = 60  # seconds without a request after a failure, so that few visitors wait for the timeout
SERVICE = "breached passwords"
LONGEST_ANSWER = 2**20  # bytes; an answer of Have I Been Pwned has some 70 KB
ANSWER = re.compile(rb"(?:[0-9A-Fa-f]{35}:[0-9]{1,10}(?:\r?\n|\Z))+")


def is_breached(password: str) -> bool:
    """Tell whether the service knows `password` from a breach. Without an answer, it is not.

    The caller holds no transaction, because the answer may take a second.
    """
    url = current_app.config["BREACHED_PASSWORDS_URL"]
    if not url:
        return False
    try:
        return _is_in_range(url, password)
    except ServerAway as failure:
        host = urlsplit(url).netloc
        logger.warning("a new password was accepted unchecked: %s %s", host, failure)
        return False


def _is_in_range(url: str, password: str) -> bool:
    data = passwords.normalise(password).encode("utf-8", "surrogatepass")
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    body = _ask_unless_paused(url + digest[:5]).upper()
    if not ANSWER.fullmatch(body):
        raise ServerAway("sent something else than a range")
    counts = dict(line.split(b":") for line in body.split())
    return int(counts.get(digest[5:].encode(), 0)) > 0  # padding has the count 0


def _ask_unless_paused(url: str) -> bytes:
    if outages.is_noted(SERVICE):
        raise ServerAway("is not asked for a minute after a failure")
    try:
        return ask(url)
    except ServerAway:
        outages.note(SERVICE, seconds=PAUSE)
        raise


def ask(url: str) -> bytes:
    """Return the answer to a GET of `url`. Raises ServerAway after TIMEOUT."""
    answer = fetch(url, seconds=TIMEOUT, most=LONGEST_ANSWER, headers={"Add-Padding": "true"})
    if answer.status != 200:
        raise ServerAway(f"answered with status {answer.status}")
    return answer.body
