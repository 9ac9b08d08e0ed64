"""Register the function that finds the pictures of users."""

from collections.abc import Callable, Collection, Mapping

from config import ConfigurationError

PictureFinder = Callable[[Collection[int]], Mapping[int, str]]
_finders: list[PictureFinder] = []


def user_pictures(find: PictureFinder) -> PictureFinder:
    """Let a function find the pictures that replace the initials of users.

    The decorated function takes ids of users and returns URLs by id, with `{size}` for the width in
    pixels: 64, 128 or 256. Raises ConfigurationError if there is another such function.
    """
    if _finders:
        raise ConfigurationError(
            f"{find.__module__} and {_finders[0].__module__} both find pictures of users. Remove "
            "one of them."
        )
    _finders.append(find)
    return find


def pictures_of(ids: Collection[int]) -> Mapping[int, str]:
    """Return the URLs of the pictures of users, by id."""
    return _finders[0](ids) if _finders and ids else {}
