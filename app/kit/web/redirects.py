"""Validate the target of a redirect that a URL requests."""

import re

# A path of printable ASCII without a backslash or a second slash at its start. Browsers read both
# as the start of a host name, and drop control characters first.
LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def next_url(wanted: str | None, default: str) -> str:
    """Return `wanted` if every browser reads it as a path on this site, else `default`."""
    return wanted if wanted and LOCAL_PATH.fullmatch(wanted) else default
