"""Take back the attempts of a request that could not be checked."""

from flask import g

from app.extensions import db
from app.kit import attempts


def take_back() -> None:
    """Take back the attempts that this request has counted. Rolls back, and commits."""
    db.session.rollback()
    attempts.take_back(g.get("counted", []))
    db.session.commit()
