"""Render every mail message with sample data, in the light and the dark colour scheme."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jinja2 import TemplateError

from app.features.devtools.samples import sample
from app.kit.mail.registry import MESSAGES, RenderedEmail

SCHEMES = ("light", "dark")

PREFERENCE = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(\w+)\s*\)")
BOTH = re.compile(r"(color-schemes?\s*[:\"=]+\s*(?:content=\")?)light dark")


@dataclass(frozen=True)
class GallerySample:
    """A message rendered with its sample data, or the problem that prevented it."""

    name: str
    reason: str
    mail: RenderedEmail | None
    problem: str = ""


def every_message() -> list[GallerySample]:
    """Return a sample of each message, in the order of app.emails."""
    return [_sample(name) for name in MESSAGES]


def find(name: str) -> RenderedEmail | None:
    """Return the rendered sample of the message called `name`, or None."""
    return _sample(name).mail if name in MESSAGES else None


def in_scheme(html: str, scheme: str) -> str:
    """Return the HTML of a mail, fixed to a colour scheme regardless of the browser.

    With "" the HTML is unchanged.
    """
    if not scheme:
        return html

    def decide(condition: re.Match[str]) -> str:
        return "all" if condition[1] == scheme else "not all"

    return BOTH.sub(rf"\g<1>{scheme}", PREFERENCE.sub(decide, html))


def _sample(name: str) -> GallerySample:
    reason = MESSAGES[name].reason
    try:
        return GallerySample(name, reason, sample(name))
    except TemplateError as error:
        return GallerySample(name, reason, None, f"It cannot be shown: {error}")
    except KeyError as error:
        return GallerySample(
            name, reason, None, f"Its sample lacks {error}: see @message(…, sample=…)."
        )
