"""Pass many ids to a statement as one parameter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import is_sqlite


def among(column: InstrumentedAttribute[Any], ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of `ids`, passed as one parameter.

    Compiling a statement with a thousand parameters takes longer than running it.
    """
    if is_sqlite():
        each = func.json_each(json.dumps(list(ids))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(ids), ARRAY(column.type)))
