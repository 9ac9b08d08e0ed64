"""Keep the answers to requests with an Idempotency-Key, to give them again for a day."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.api.models import IdempotentAnswer
from app.kit.clean_up import delete_rows
from app.kit.database import now

KEPT = timedelta(hours=24)


class KeyReused(Exception):
    """Raised if an earlier request with the key was another one."""


class InProgress(Exception):
    """Raised if an earlier request with the key has no answer yet."""


def begin(token_id: int, key: str, request_hash: str) -> IdempotentAnswer | None:
    """Return the answer to an earlier request with this key, or None if this is the first.

    The unique index decides which of two requests is the first. If a process ends before its
    answer, nobody knows whether the request was carried out, so the key stays in progress.
    Raises KeyReused and InProgress. Commits.
    """
    values = {"token_id": token_id, "key": key, "request_hash": request_hash}
    is_mine = (IdempotentAnswer.token_id == token_id) & (IdempotentAnswer.key == key)
    delete_rows(IdempotentAnswer, is_mine, IdempotentAnswer.created_at < now() - KEPT)
    try:
        db.session.execute(insert(IdempotentAnswer), [values])
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
    else:
        return None
    found = db.session.scalar(select(IdempotentAnswer).where(is_mine))
    if found is None:  # The first request was refused before it did anything.
        raise InProgress
    if found.request_hash != request_hash:
        raise KeyReused
    if found.status is None:
        raise InProgress
    return found


def keep(token_id: int, key: str, *, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Store the answer to the first request with a key."""
    is_mine = (IdempotentAnswer.token_id == token_id) & (IdempotentAnswer.key == key)
    values = {"status": status, "headers": dict(headers), "body": body}
    db.session.rollback()  # An operation that failed may have left changes behind.
    db.session.execute(update(IdempotentAnswer).where(is_mine).values(values))
    db.session.commit()


def forget(token_id: int, key: str) -> None:
    """Free a key whose request was not carried out."""
    db.session.rollback()
    is_mine = (IdempotentAnswer.token_id == token_id) & (IdempotentAnswer.key == key)
    delete_rows(IdempotentAnswer, is_mine)


def purge() -> int:
    """Delete the answers that were KEPT long enough, and return their number."""
    return delete_rows(IdempotentAnswer, IdempotentAnswer.created_at < now() - KEPT)
