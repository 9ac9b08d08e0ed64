"""Write the settings of features to `.env.example` from their manifests."""

import textwrap
from collections.abc import Iterator, Mapping

from settings.declarations import Setting
from settings.manifests import Manifest
from settings.reader import BASE_DIR

PATH = BASE_DIR / ".env.example"
HEADING = "# --- Settings of features. `python manage.py features env` writes what follows."
WIDTH = 120


def written(text: str, features: Mapping[str, Manifest]) -> str:
    """Return `text`, an example of `.env`, with the settings of `features` below HEADING."""
    head = text.partition(HEADING)[0].rstrip()
    parts = (_part(features[name]) for name in sorted(features) if features[name].settings)
    return "\n\n".join([head, HEADING, *parts]) + "\n"


def _part(feature: Manifest) -> str:
    lines = [f"# --- {feature.title}", ""]
    for setting in feature.settings.values():
        lines += _lines(setting)
    return "\n".join(lines)


def _lines(setting: Setting) -> Iterator[str]:
    yield from textwrap.wrap(
        setting.help, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    value = "" if setting.default is None else str(setting.default)
    is_plain = not set(value) & set(' "#')
    yield f"# {setting.name}={value if is_plain else repr(value)}"
