"""Show the pictures of users, or their initials."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from flask import g
from markupsafe import Markup, escape

from app.kit import names, slots

Rows = TypeVar("Rows", bound=Sequence[Any])


def expect(users: Rows) -> Rows:
    """Announce the users of a list, so that one query finds the pictures of all. Returns them."""
    g.setdefault("expected_pictures", set()).update(user.id for user in users)
    return users


def avatar(user: Any, size: int = 64) -> Markup | str:
    """Return the picture of a user or a row of a list, or else the initials.

    `size` is the width of the image in pixels, which is at least twice the width on the page.
    """
    wanted = {user.id, *g.pop("expected_pictures", ())}
    return _shown(user, _urls(wanted)[user.id], size)


def avatar_writer(users: Collection[Any]) -> Callable[[Any], Markup | str]:
    """Return a function that does the same as `avatar` for the users or rows of a list."""
    urls = _urls({user.id for user in users})
    return lambda user: _shown(user, urls[user.id], 64)


def _shown(user: Any, url: str, size: int) -> Markup | str:
    if not url:
        return initials(user)
    # Built by an f-string, because a page shows a hundred of them.
    return Markup(  # noqa: S704 - the URL is escaped
        f'<img src="{escape(url.replace("{size}", str(size)))}" alt="" width="{size}"'
        f' height="{size}" loading="lazy" decoding="async">'
    )


def initials(user: Any) -> str:
    """Return the initials of a user's name, or of their email if they have no name."""
    found: str | None = getattr(user, "initials", None)
    if found is None:
        found = names.initials(user.first_name, user.last_name, user.email)
    return found


def _urls(user_ids: set[int]) -> dict[int, str]:
    known: dict[int, str] = g.setdefault("pictures", {})
    if wanted := user_ids - known.keys():
        known.update(dict.fromkeys(wanted, "") | dict(slots.pictures_of(wanted)))
    return known
