"""Many ids in a statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import is_sqlite


def among(column: InstrumentedAttribute[Any], ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of many ids, which are one parameter.

    To write a thousand of them into a statement takes longer than to run it.
    """
    if is_sqlite():
        each = func.json_each(json.dumps(list(ids))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(ids), ARRAY(Integer)))
