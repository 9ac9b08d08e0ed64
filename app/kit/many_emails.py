"""Normalise the email addresses of long lists."""

import re
from functools import lru_cache

from flask import current_app

from app.kit.user_input import normalised_email
from settings import normalise

# RFC 5321, section 4.1.2: a local part without quotes, of at most 64 characters.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")


def normalised_email_of_many(typed: str) -> str:
    """Normalise one of many email addresses as `normalised_email` does, in a tenth of the time.

    Only the domain takes long to check, so its result is cached: a long list of users has few
    domains. Raises EmailNotValidError.
    """
    local, at, domain = typed.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        return normalised_email(typed)
    address = f"{local}@{_stored_domain(domain, tuple(current_app.config['INTRANET_DOMAINS']))}"
    return normalise.short_enough(address.lower())


@lru_cache(maxsize=4096)
def _stored_domain(domain: str, intranet: tuple[str, ...]) -> str:
    return normalise.email(f"x@{domain}", intranet).partition("@")[2]
