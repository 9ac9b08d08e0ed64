"""A user in a list, with only the columns that lists show."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from app.kit import names
from app.models import User

COLUMNS = User.__table__.c


class UserRow(NamedTuple):
    """Lightweight stand-in for `User` in a list."""

    id: int
    first_name: str
    last_name: str
    email: str
    role_id: int | None
    status: str
    created_at: datetime
    last_seen_at: datetime | None

    def full_name(self) -> str:
        return names.full_name(self.first_name, self.last_name)
