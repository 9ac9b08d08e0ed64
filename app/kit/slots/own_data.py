"""Register the data that users download about themselves."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

DataFinder = Callable[[Any], Any]
FileFinder = Callable[[Any], Iterable[tuple[str, str]]]
_data: dict[str, DataFinder] = {}
_files: list[FileFinder] = []


def own_data(name: str) -> Callable[[DataFinder], DataFinder]:
    """Add the file `name`.json to the data of a user.

    The decorated function takes a user. It returns lists, dictionaries and values of columns, or
    None for no file.
    """

    def register(find: DataFinder) -> DataFinder:
        _data[name] = find
        return find

    return register


def own_files(find: FileFinder) -> FileFinder:
    """Add stored files to the data of a user.

    The decorated function takes a user, and returns names in the archive and keys of files.
    """
    _files.append(find)
    return find


def data_of(user: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the contents of each file with data of a user."""
    found = ((name, find(user)) for name, find in sorted(_data.items()))
    return ((name, contents) for name, contents in found if contents is not None)


def files_of(user: Any) -> Iterator[tuple[str, str]]:
    """Yield the names and the keys of the stored files of a user."""
    return (one for find in _files for one in find(user))
