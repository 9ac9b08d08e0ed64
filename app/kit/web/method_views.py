"""Make view functions of methods."""

from collections.abc import Callable
from functools import wraps
from typing import Any

View = Callable[..., Any]


def view_of(method: View, name: str) -> View:
    """Return a view called `name`. The arguments of its URL may have names of their own."""

    @wraps(method)
    def view(**arguments: int) -> Any:
        return method(*arguments.values())

    view.__name__ = name
    return view
