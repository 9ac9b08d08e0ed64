"""Find the row that a URL names."""

from typing import TypeVar

from flask import request
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.kit.web.methods import SAFE_METHODS

Row = TypeVar("Row")


def get_or_404(model: type[Row], row_id: int) -> Row:
    """Return a row by its id, for services that lock it. Raises NotFound."""
    return _found(db.session.get(model, row_id))


def find(model: type[Row], row_id: int) -> Row:
    """Return a row by its id. Raises NotFound.

    A request that changes something locks the row until its service commits. So nobody changes the
    row between `ensure_match` and the change.
    """
    is_locked = request.method not in SAFE_METHODS
    return _found(
        db.session.get(model, row_id, with_for_update=is_locked, populate_existing=is_locked)
    )


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
