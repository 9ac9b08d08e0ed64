"""Anonymise users in the audit trail before their rows are deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.kit.audit import retention
from app.kit.audit.forgetting import ErasedUser
from app.models import User


def anonymise(user_ids: Sequence[int]) -> None:
    """Replace the names of these users in events by their ids; the caller commits.

    Call this before their rows are deleted, because it reads them.
    """
    people = _people(user_ids)
    retention.anonymise(people, lambda emails: _others(emails, people))


def anonymise_most(user_ids: Sequence[int], is_due: ColumnElement[bool]) -> None:
    """Do most of the work of `anonymise` in separate transactions.

    Stops if a user no longer meets the condition `is_due`, for example after a restore.
    """
    people = _people(user_ids)
    due = select(User.id).where(User.id.in_(people), is_due).order_by(User.id).with_for_update()

    def are_due() -> bool:
        return len(db.session.scalars(due).all()) == len(people)

    retention.anonymise_most(people, lambda emails: _others(emails, people), are_due)


def _people(user_ids: Sequence[int]) -> dict[int, ErasedUser]:
    users = db.session.scalars(select(User).where(User.id.in_(user_ids))).all()
    return {
        user.id: ErasedUser(user.id, user.email, [user.email, user.pending_email, user.full_name()])
        for user in users
    }


def _others(emails: Iterable[str], people: Iterable[int]) -> set[str]:
    """Return those of `emails` that belong to users other than `people`."""
    found = select(User.email).where(User.email.in_(list(emails)), User.id.not_in(people))
    return set(db.session.scalars(found))
