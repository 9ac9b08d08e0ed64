"""Recovery codes, with which users sign in when they have lost their app."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from app.extensions import db
from app.features.two_factor.models import RecoveryCode
from app.kit import passwords
from app.models import User

COUNT = 10
FEW = 3
# Without letters and digits that look alike. Eleven of them have 54 bits, and each code an argon2
# hash of its own (ASVS 5.0 6.5.2, 6.5.3).
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 12


def make() -> list[str]:
    """Return new codes. Each begins with its number, so that checking a code costs one hash."""
    return [
        f"{number}{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))}"
        for number in range(COUNT)
    ]


def shown(code: str) -> str:
    """Return a code in groups of four characters."""
    return "-".join(code[at : at + 4] for at in range(0, LENGTH, 4))


def hashed(codes: Sequence[str]) -> list[str]:
    """Commit, and hash codes, which takes a second: an open transaction blocks other writers."""
    db.session.commit()
    return [passwords.hash_password(code) for code in codes]


def replace(user: User, hashes: Sequence[str]) -> None:
    """Store the hashes of new codes in place of the present ones. The caller commits."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    db.session.add_all(
        RecoveryCode(user_id=user.id, number=number, code_hash=code_hash)
        for number, code_hash in enumerate(hashes)
    )


def find(user_id: int, code: str) -> RecoveryCode | None:
    """Return the row of a code that is not used, or None. Ends the transaction, to hash."""
    typed = "".join(one for one in code.lower() if one.isalnum())
    number = int(typed[0]) if typed[:1].isdecimal() and typed.isascii() else None
    row = None if number is None else db.session.get(RecoveryCode, (user_id, number))
    code_hash = row.code_hash if row else None
    db.session.rollback()
    is_right = passwords.verify(code_hash, typed)
    return RecoveryCode(user_id=user_id, number=number, code_hash=code_hash) if is_right else None


def use_up(found: RecoveryCode) -> bool:
    """Delete a code. Return False if another request did so first. The caller commits."""
    used = db.session.scalar(
        delete(RecoveryCode)
        .where(
            RecoveryCode.user_id == found.user_id,
            RecoveryCode.number == found.number,
            RecoveryCode.code_hash == found.code_hash,
        )
        .returning(RecoveryCode.number),
        execution_options={"synchronize_session": False},
    )
    return used is not None


def count(user_id: int) -> int:
    """Return how many codes a user has left."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id)
    return db.session.scalar(query) or 0
