"""Redact secrets in the values that the job pages show to administrators."""

import re
from typing import Any

from app.kit.web.logs.log_lines import redact_secrets

HIDDEN = "••••••"
LONGEST = 2000  # characters of one value
DEEPEST = 6

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|password|secret|token|api_?key|(^|[_-])key$|auth(?!or(?!iz))"
    r"|credential|cookie|session|signature|private|(^|[_-])(otp|pin)$",
    re.IGNORECASE,
)
# These patterns match signed tokens (mailed links, JSON Web Tokens) and the password in a URL. A
# signature must contain capitals and digits, so that a long function name does not match.
# Each pattern reads a text once: it matches only at the start of a word, and its possessive
# quantifiers (`++`) prevent backtracking.
_SIGNED = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]{6,}+)?"
    r"\.(?=[a-z0-9_-]*+[A-Z])(?=[A-Za-z_-]*+[0-9])[A-Za-z0-9_-]{27,}+"
)
_IN_ADDRESS = re.compile(r"(?<=://)([^\s/:@]*+):[^\s/@]++@")
_ASSIGNED = re.compile(
    r"""((?:password|passphrase|secret|token|api_?key)["']?\s*+[=:]\s*+)("[^"\n]+"|'[^'\n]+')""",
    re.IGNORECASE,
)


def redacted(value: Any, *, name: str = "", depth: int = 0) -> Any:
    """Redact secrets in `value`, found by name or by pattern, and cut deep nesting."""
    if name and _SECRET_NAME.search(name) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return redacted_text(value[:LONGEST]) + ("…" if len(value) > LONGEST else "")
    if depth >= DEEPEST and isinstance(value, dict | list):
        return "…"
    if isinstance(value, dict):
        return {
            redacted_text(str(key)[:100]): redacted(part, name=str(key)[:100], depth=depth + 1)
            for key, part in list(value.items())[:100]
        }
    if isinstance(value, list):
        return [redacted(part, depth=depth + 1) for part in value[:100]]
    return value


def redacted_text(text: str) -> str:
    """Redact secrets in `text`, such as a traceback: signed tokens, URL passwords, assignments."""
    text = redact_secrets(text, HIDDEN)
    text = _ASSIGNED.sub(lambda found: f"{found[1]}{found[2][0]}{HIDDEN}{found[2][0]}", text)
    return _SIGNED.sub(HIDDEN, _IN_ADDRESS.sub(rf"\1:{HIDDEN}@", text))
