"""Read ids in URLs."""

from typing import Any

from werkzeug.routing import IntegerConverter

from app.kit.database import HIGHEST_INTEGER


class IdConverter(IntegerConverter):
    """Answer 404 to ids that exceed a database column, instead of raising an error.

    Digits are those of ASCII. Python reads others too, so one row would have many URLs.
    """

    regex = "[0-9]+"

    def __init__(self, map: Any, **options: Any) -> None:  # noqa: A002 - Werkzeug's name
        super().__init__(map, **{"max": HIGHEST_INTEGER, **options})
