"""What people type, in the form in which it is stored: addresses, and names without the unseen."""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from app import names
from app.models.user import EMAIL_LENGTH

# RFC 5321, section 4.1.2: a local part without quotes, of at most 64 characters.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")

# Unicode Annex 9: these set the direction of what follows, beyond the end of a name as well.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def stored_address(typed: str) -> str:
    """Return an e-mail address in the form in which it is stored: a domain has many spellings.

    The part before the @ is ASCII: letters of other scripts that look alike would let one person
    pose as another. Whether the domain takes mail is left to the confirmation link. Raises
    EmailNotValidError.
    """
    result = validate_email(typed.strip(), allow_smtputf8=False, check_deliverability=False)
    return (result.ascii_email or result.normalized).lower()


def stored_address_of_many(typed: str) -> str:
    """Return what `stored_address` does, in a tenth of the time where domains come again.

    Only the domain takes long to check, and a long list of people has few. Raises
    EmailNotValidError.
    """
    local, at, domain = typed.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        return stored_address(typed)
    address = f"{local}@{_stored_domain(domain)}".lower()
    if len(address) > EMAIL_LENGTH:
        raise EmailNotValidError("The address is too long.")
    return address


@lru_cache(maxsize=4096)
def _stored_domain(domain: str) -> str:
    return stored_address(f"x@{domain}").partition("@")[2]


def visible(text: str | None, allowed: str = "\r\n\t") -> str:
    """Return `text` without control characters but those `allowed`, and without lone surrogates."""
    return "".join(
        character
        for character in text or ""
        if character in allowed or unicodedata.category(character) not in {"Cc", "Cs"}
    )


def is_name(text: str) -> bool:
    """Tell whether `text` is one line that can be seen, and that leaves the text around it alone.

    Nothing is a name too. Joiners within a word are part of some scripts, and of emoji.
    """
    if text.isascii():
        return text.isprintable()
    if visible(text, allowed="") != text or not _TURNING.isdisjoint(text):
        return False
    return names.shows(text)
