"""Register kinds of files, each with the column that refers to its files."""

from typing import Any

from config import ConfigurationError

_owners: dict[str, Any] = {}


def kind(name: str, *, owner: Any) -> str:
    """Register a kind of files, and return its name.

    `owner` is the column that refers to the files of this kind. Raises ConfigurationError if
    another column has this kind.
    """
    if _owners.setdefault(name, owner) is not owner:
        raise ConfigurationError(f"Two columns refer to files of the kind {name}: rename one.")
    return name


def kinds() -> dict[str, Any]:
    """Return the column of each kind that is registered."""
    return dict(_owners)
