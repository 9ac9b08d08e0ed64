"""Where to send someone next, when the address asks for it."""

import re

# A path of printable ASCII without a backslash. Its second character may not be a slash: browsers
# read both as the start of a host name, and drop control characters before they look.
LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def next_url(wanted: str | None, default: str) -> str:
    """Return `wanted` if every browser takes it for a path on this site, else `default`."""
    return wanted if wanted and LOCAL_PATH.fullmatch(wanted) else default
