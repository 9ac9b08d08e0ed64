"""What people type, in the form in which it is stored: addresses, and names without the unseen."""

import re
import unicodedata
from functools import lru_cache

from flask import current_app

from app.kit import names
from settings import normalise

# RFC 5321, section 4.1.2: a local part without quotes, of at most 64 characters.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")

# Unicode Annex 9: these set the direction of what follows, beyond the end of a name as well.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def stored_address(typed: str) -> str:
    """Return an email address in the form in which it is stored (`normalise.email`).

    Domains of INTRANET_DOMAINS are taken too. Raises EmailNotValidError.
    """
    return normalise.email(typed, current_app.config["INTRANET_DOMAINS"])


def stored_address_of_many(typed: str) -> str:
    """Return what `stored_address` does, in a tenth of the time where domains come again.

    Only the domain takes long to check, and a long list of people has few. Raises
    EmailNotValidError.
    """
    local, at, domain = typed.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        return stored_address(typed)
    address = f"{local}@{_stored_domain(domain, tuple(current_app.config['INTRANET_DOMAINS']))}"
    return normalise.short_enough(address.lower())


@lru_cache(maxsize=4096)
def _stored_domain(domain: str, intranet: tuple[str, ...]) -> str:
    return normalise.email(f"x@{domain}", intranet).partition("@")[2]


def visible(text: str | None, allowed: str = "\r\n\t") -> str:
    """Return `text` without control characters but those `allowed`, and without lone surrogates."""
    return "".join(
        character
        for character in text or ""
        if character in allowed or unicodedata.category(character) not in {"Cc", "Cs"}
    )


# Characters of a name that are looked at: a longer one is refused for its length.
EXAMINED = 256

# What mail programs and browsers make a link of: a scheme, "www.", a path of Windows' network, or
# letters that a dot joins as in a domain. Initials that a dot joins to a surname are none
# ("J.R.R.Tolkien"), but domains of one letter have short endings.
_LETTER = r"[a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f]"
_LINK = re.compile(
    r"://|\\\\|\bwww\.|\b(?:https?|ftp|file|mailto|tel):"
    rf"|\w[^\W_]\.{_LETTER}{{2}}|\b[^\W_]\.{_LETTER}{{2,3}}\b"
)


def holds_link(text: str) -> bool:
    """Tell whether a name holds what a mail program would make a link of.

    Names go out in mails, so a stranger must not call themselves by a web address.
    """
    plain = text[:EXAMINED]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).replace("\u3002", ".")
        plain = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return _LINK.search(plain.lower()) is not None


def hides_something(text: str) -> bool:
    """Tell whether `text` has characters of which nothing can be seen, zero-width ones say."""
    return any(unicodedata.category(character)[0] == "C" for character in text)


def is_name(text: str) -> bool:
    """Tell whether `text` is one line that can be seen, and that leaves the text around it alone.

    Nothing is a name too. Joiners within a word are part of some scripts, and of emoji.
    """
    if text.isascii():
        return text.isprintable()
    if visible(text, allowed="") != text or not _TURNING.isdisjoint(text):
        return False
    return names.shows(text)
