"""Keep the answers to requests with an Idempotency-Key, to give them again for a day."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.api.models import IdempotentAnswer
from app.kit.clean_up import delete_rows
from app.kit.database import now
from app.kit.encryption import Cipher, UnreadableSecret

KEPT = timedelta(hours=24)
# A request that has no answer by then never gets one, because its process has ended.
LEASE = timedelta(minutes=5)
# An answer may hold a secret that is shown once.
ANSWERS = Cipher(b"answers of the API")


class KeyReused(Exception):
    """Raised if an earlier request with the key was another one."""


class InProgress(Exception):
    """Raised if an earlier request with the key has no answer yet.

    A repetition waits for `seconds`: as long as that request runs already, so that a quick one is
    not waited for, and at most to the end of its lease.
    """

    def __init__(self, running: timedelta = timedelta()) -> None:
        super().__init__()
        self.seconds = max(1, round(min(running, LEASE - running).total_seconds()))


class KeptAnswer(NamedTuple):
    """The answer to the first request with a key."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def begin(token_id: int, key: str, request_hash: str) -> KeptAnswer | None:
    """Return the answer to an earlier request with this key, or None if this is the first.

    The unique index decides which of two requests is the first. If a process ends before its
    answer, the key is free again after its LEASE. The request may have been carried out, so the
    rules of the service decide about the repetition. Raises KeyReused and InProgress. Commits.
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
        _take_over(found)
        return None
    try:
        body = ANSWERS.decrypt(found.body.decode(), token_id)
    except UnreadableSecret:  # SECRET_KEY has changed, so a repetition waits as long as one may.
        raise InProgress(LEASE / 2) from None
    return KeptAnswer(found.status, found.headers, body.encode("latin-1"))


def _take_over(row: IdempotentAnswer) -> None:
    """Begin again with a key whose lease has run out. Raises InProgress. Commits."""
    at, begun = now(), row.created_at
    if at - begun < LEASE:
        raise InProgress(at - begun)
    # One of two repetitions wins: the other finds another time in the row.
    is_as_read = (IdempotentAnswer.id == row.id) & (IdempotentAnswer.created_at == begun)
    taken = update(IdempotentAnswer).where(is_as_read, IdempotentAnswer.status.is_(None))
    ids = db.session.scalars(taken.values(created_at=at).returning(IdempotentAnswer.id)).all()
    db.session.commit()
    if not ids:
        raise InProgress


def keep(token_id: int, key: str, *, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Store the answer to the first request with a key."""
    is_mine = (IdempotentAnswer.token_id == token_id) & (IdempotentAnswer.key == key)
    encrypted = ANSWERS.encrypt(body.decode("latin-1"), token_id).encode()
    values = {"status": status, "headers": dict(headers), "body": encrypted}
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
