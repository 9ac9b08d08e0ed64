"""Judge the names that users enter: they are visible, keep the direction of a text, and no link."""

import re
import unicodedata

from app.kit import names
from app.kit.user_input import visible

# Unicode Annex 9: these set the direction of the following text, even after the end of a name.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

NO_LINK = "A name cannot contain a URL. Put a space after a dot."

# Only this many characters of a name are examined. A longer name is rejected for its length.
EXAMINED = 256

# Mail clients and browsers make a link of a scheme, "www.", a Windows network path, or a domain.
# Initials joined to a surname are no domain ("J.R.R.Tolkien"), so after a single letter only an
# ending of two or three letters counts.
_LETTER = r"[a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f]"
_LINK = re.compile(
    r"://|\\\\|\bwww\.|\b(?:https?|ftp|file|mailto|tel):"
    rf"|\w[^\W_]\.{_LETTER}{{2}}|\b[^\W_]\.{_LETTER}{{2,3}}\b"
)


def holds_link(text: str) -> bool:
    """Return whether a name contains text that a mail client would turn into a link.

    Mails contain names, so a stranger must not use a URL as a name.
    """
    plain = text[:EXAMINED]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).replace("\u3002", ".")
        plain = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return _LINK.search(plain.lower()) is not None


def is_name(text: str) -> bool:
    """Return whether `text` is one visible line that does not affect the text around it.

    An empty text counts as a name. Joiners within a word are allowed, because some scripts and
    emoji need them.
    """
    if text.isascii():
        return text.isprintable()
    if visible(text, allowed="") != text or not TURNING.isdisjoint(text):
        return False
    return names.shows(text)
