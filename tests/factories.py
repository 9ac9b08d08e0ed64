"""Functions that add rows for tests, one for each model."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.kit import passwords
from app.kit.database import now
from app.models import Role, User
from tests.support import PASSWORD

_numbers = itertools.count(1)
_PASSWORD_HASH = passwords.hash_password(PASSWORD)


def make_role(name: str, permissions: int = 1, **values: Any) -> Role:
    role = Role(name=name, permissions=permissions, index=values.pop("index", "main"), **values)
    db.session.add(role)
    db.session.commit()
    return role


def make_user(
    *,
    role: str = "User",
    invited: bool = False,
    suspended: bool = False,
    **values: Any,
) -> User:
    """Add a user who can sign in with PASSWORD, unless the traits prevent it."""
    number = next(_numbers)
    values.setdefault("email", f"person{number}@example.com")
    values.setdefault("first_name", "Ada")
    values.setdefault("last_name", f"Lovelace{number}")
    values.setdefault("confirmed", not invited)
    values.setdefault("self_registered", not values["confirmed"] and not invited)
    user = User(
        role_id=db.session.scalar(select(Role.id).where(Role.name == role)),
        password_hash=None if invited else _PASSWORD_HASH,
        invited_at=now() if invited else None,
        suspended_at=now() if suspended else None,
        **values,
    )
    db.session.add(user)
    db.session.commit()
    return user


VALUES: dict[type, Any] = {
    bool: True,
    bytes: b"x",
    date: date(2031, 3, 9),
    datetime: datetime(2031, 3, 9, tzinfo=UTC),
    dict: {},
    int: 1,
}


def make_row(model: Any) -> Any:
    """Add a row of any model, with a value for each column that needs one."""
    if model is User:
        return make_user()
    models = {mapper.local_table: mapper.class_ for mapper in db.Model.registry.mappers}
    values = {}
    for column in model.__table__.columns:
        if column.nullable or column.primary_key or column.default or column.server_default:
            continue
        if column.foreign_keys:
            (key,) = column.foreign_keys
            values[column.key] = make_row(models[key.column.table]).id
        else:
            kind = getattr(column.type, "impl", column.type).python_type
            values[column.key] = VALUES.get(kind) or f"row {next(_numbers)}"
    row = model(**values)
    db.session.add(row)
    db.session.commit()
    return row
