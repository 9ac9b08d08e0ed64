"""Register kinds of files, each with the column that refers to its files."""

from typing import Any

from config import ConfigurationError

_owners: dict[str, Any] = {}


def kind(name: str, *, owner: Any) -> str:
    """Register a kind of files, and return its name.

    `owner` is the column that refers to the files of this kind. Raises ConfigurationError if
    another column has this kind, or if `owner` is no foreign key to stored files: while the feature
    is off, the clean-up finds its references by that.
    """
    if _owners.get(name, owner) is not owner:
        raise ConfigurationError(f"Two columns refer to files of the kind {name}: rename one.")
    if not any(one.target_fullname == "stored_files.id" for one in owner.expression.foreign_keys):
        raise ConfigurationError(f"{owner} of the kind {name} has no foreign key to stored files.")
    _owners[name] = owner
    return name


def kinds() -> dict[str, Any]:
    """Return the column of each kind that is registered."""
    return dict(_owners)
