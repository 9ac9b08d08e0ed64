"""What administrators do to other people's accounts."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError

from app import emails
from app.database import now
from app.extensions import db
from app.models import EmailMessage, Role, User, UserSession
from app.models.user import USERS_OF_A_KIND, account_status, canonical_email
from app.services import outbox, sessions
from app.services.accounts import EmailTaken, require_strong_password
from app.services.listings import Listing

logger = logging.getLogger(__name__)

PER_PAGE = 50
COUNT_CAP = 10_000  # beyond this an exact total costs more than it is worth


class LastAdministrator(Exception):
    """Without this one nobody could administer the app."""


class NotOnOneself(Exception):
    """Administrators do not do this to their own account."""


class NotInvited(Exception):
    """The user has no open invitation."""


class UserGone(Exception):
    """Someone else deleted the user in the meantime."""


# Making people


def create(
    *, first_name: str, last_name: str, email: str, role: Role, password: str, by: User
) -> User:
    """Create a confirmed account and tell its owner, who is never told the password.

    Raises EmailTaken and passwords.WeakPassword.
    """
    require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    user = User(first_name=first_name, last_name=last_name, email=email, role=role, confirmed=True)
    user.password = password
    _add(user)
    outbox.commit_and_offer(emails.send_account_created(user))
    _log("created", user, by)
    return user


def invite(*, first_name: str, last_name: str, email: str, role: Role, by: User) -> User:
    """Create an account without a password and queue the link to choose one. Raises EmailTaken."""
    user = User(first_name=first_name, last_name=last_name, email=email, role=role)
    user.invited_at = now()
    _add(user)
    outbox.commit_and_offer(emails.send_invite(user, invited_by=by))
    _log("invited", user, by)
    return user


def resend_invite(user: User, *, by: User) -> None:
    """Queue the invitation again; the link in the earlier mail stops working. Raises NotInvited."""
    _lock(user)
    if not user.is_invited:
        raise NotInvited
    user.invited_at = now()
    outbox.commit_and_offer(emails.send_invite(user, invited_by=by))


def revoke_invite(user: User) -> None:
    """Delete a user who has not accepted yet, without a word to them. Raises NotInvited."""
    _lock(user)
    if not user.is_invited:
        raise NotInvited
    outbox.cancel_for(user)
    db.session.delete(user)
    db.session.commit()


def create_administrator(
    *, email: str, password: str, enforce_password_rule: bool = True
) -> tuple[User, bool]:
    """Return the administrator with this address and whether it had to be made.

    Someone who has the address already is left as they are: a password that was changed is not
    changed back. Raises passwords.WeakPassword.
    """
    if user := User.by_email(email):
        return user, False
    if enforce_password_rule:
        require_strong_password(password, email=email)
    role = db.session.scalar(select(Role).where(Role.administrators()).order_by(Role.id).limit(1))
    user = User(first_name="Admin", last_name="Account", email=email, role=role, confirmed=True)
    user.password = password
    db.session.add(user)
    db.session.commit()
    return user, True


# Changing people


def change_email(user: User, *, email: str, by: User) -> None:
    """Give `user` another address and tell both addresses. Raises EmailTaken."""
    _lock(user)
    old_email = user.email
    if canonical_email(email) == old_email:
        return
    user.email, user.pending_email = email, None
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None
    _log("given another address", user, by)
    outbox.commit_and_offer(
        *emails.send_email_changed(user, old_email=old_email, new_email=user.email)
    )


def change_role(user: User, *, role: Role, by: User) -> None:
    """Give `user` another role, from their next request on.

    Raises NotOnOneself and LastAdministrator.
    """
    _refuse_oneself(user, by)
    if role.id == user.role_id:
        return
    if role.is_administrator:
        _lock(user)
    else:
        _keep_an_administrator(user)
    user.role = role
    _log(f"given role {role.id}", user, by)
    outbox.commit_and_offer(emails.send_role_changed(user))


def suspend(user: User, *, by: User) -> None:
    """Keep `user` out until reactivated. Raises NotOnOneself and LastAdministrator."""
    _refuse_oneself(user, by)
    _keep_an_administrator(user)
    if user.is_suspended:
        return
    user.suspended_at = now()
    sessions.end_all(user)
    _log("suspended", user, by)
    outbox.commit_and_offer(emails.send_account_suspended(user))


def reactivate(user: User, *, by: User) -> None:
    """Let a suspended user in again."""
    _lock(user)
    if not user.is_suspended:
        return
    user.suspended_at = None
    _log("reactivated", user, by)
    outbox.commit_and_offer(emails.send_account_reactivated(user))


def delete(user: User, *, by: User) -> None:
    """Delete `user` with their sessions, cancel their mail and tell them.

    Raises NotOnOneself and LastAdministrator.
    """
    _refuse_oneself(user, by)
    _keep_an_administrator(user)
    outbox.cancel_for(user)
    notice = emails.send_account_deleted(user)
    db.session.delete(user)
    _log("deleted", user, by)
    outbox.commit_and_offer(notice)


def _add(user: User) -> None:
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None


def _log(deed: str, user: User, by: User) -> None:
    """Note who did what to whom, by id: log lines hold no names and no addresses."""
    logger.info("user %s %s by user %s", user.id, deed, by.id)


def _lock(user: User) -> None:
    """Read `user` again, and let nobody else change them before this is done. Raises UserGone."""
    try:
        db.session.refresh(user, with_for_update={"of": User})
    except InvalidRequestError:
        db.session.rollback()
        raise UserGone from None


def _refuse_oneself(user: User, by: User) -> None:
    if user.id == by.id:
        raise NotOnOneself


def _keep_an_administrator(user: User) -> None:
    """Raise LastAdministrator if without `user` nobody who can sign in would be one.

    The administrators' roles are locked first, so that of two who demote each other at once the
    second counts after the first has committed. On SQLite the transaction holds the only write
    lock already. Whoever is given one of these roles meanwhile is not kept waiting.
    """
    roles = select(Role.id).where(Role.administrators())
    db.session.execute(roles.with_for_update(key_share=True))
    _lock(user)
    if not user.is_admin():
        return
    others = db.session.scalar(
        select(User.id)
        .join(User.role)
        .where(Role.administrators(), can_sign_in(), User.id != user.id)
        .limit(1)
    )
    if others is None:
        db.session.rollback()
        raise LastAdministrator


def can_sign_in() -> ColumnElement[bool]:
    """Return the condition that a user in a query is confirmed, has a password and may enter."""
    return User.confirmed & User.password_hash.is_not(None) & User.suspended_at.is_(None)


# Finding people


@dataclass(frozen=True)
class Listed:
    """A row of the list: the columns it shows and no more."""

    id: int
    first_name: str
    last_name: str
    email: str
    role_name: str | None
    confirmed: bool
    invited_at: datetime | None
    suspended_at: datetime | None
    has_password: bool
    created_at: datetime
    last_seen_at: datetime | None

    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def status(self) -> str:
        return account_status(
            suspended=self.suspended_at is not None,
            invited=self.invited_at is not None and not self.has_password,
            confirmed=self.confirmed,
        )


SORTS: dict[str, tuple[Any, ...]] = {
    "name": (User.last_name, User.first_name, User.id),
    "email": (User.email,),
    "role": (Role.name, User.id),
    "created_at": (User.created_at, User.id),
    "last_seen_at": (User.last_seen_at, User.id),
}
DEFAULT_SORT = "-created_at"


def find(
    *, search: str = "", role_id: int | None = None, sort: str = DEFAULT_SORT, page: int = 1
) -> Listing[Listed]:
    """Return a page of the users whose name or address contains every word of `search`.

    `sort` is a key of SORTS, with a minus in front for the other direction; what is not one
    sorts by DEFAULT_SORT.
    """
    conditions = [*_matching(search)]
    if role_id is not None:
        conditions.append(User.role_id == role_id)
    ordering = _ordering(sort)
    skipped = (page - 1) * PER_PAGE
    # Skipping rows is quick while only an index is read, so the columns are fetched afterwards.
    ids = (
        select(User.id)
        .outerjoin(User.role)
        .where(*conditions)
        .order_by(*ordering)
        .limit(PER_PAGE + 1)
        .offset(skipped)
    )
    rows = db.session.execute(_columns().where(User.id.in_(ids)).order_by(*ordering)).all()
    has_next = len(rows) > PER_PAGE
    total = _capped_count(conditions) if has_next or not rows else skipped + len(rows)
    return Listing(
        rows=[Listed(*row) for row in rows[:PER_PAGE]],
        total=min(total, COUNT_CAP),
        total_is_capped=total > COUNT_CAP,
        page=page,
        per_page=PER_PAGE,
        has_next=has_next,
    )


def _capped_count(conditions: list[ColumnElement[bool]]) -> int:
    counted = select(User.id).where(*conditions).limit(COUNT_CAP + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(counted)) or 0


def newest(count: int) -> list[Listed]:
    """Return the users who came last."""
    rows = db.session.execute(_columns().order_by(*_ordering(DEFAULT_SORT)).limit(count))
    return [Listed(*row) for row in rows]


def statistics() -> dict[str, int]:
    """Return how many users there are of each kind, each counted in an index of its own."""
    administrators = select(Role.id).where(Role.administrators())
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "users": [],
        "administrators": [User.role_id.in_(administrators)],
        **{kind: [condition] for kind, condition in USERS_OF_A_KIND.items()},
    }
    counts = [
        select(func.count()).select_from(User).where(*condition).scalar_subquery().label(kind)
        for kind, condition in conditions.items()
    ]
    return dict(db.session.execute(select(*counts)).one()._mapping)


def session_count(user: User) -> int:
    """Return on how many browsers `user` is signed in."""
    return (
        db.session.scalar(
            select(func.count(UserSession.id)).where(
                UserSession.user_id == user.id, UserSession.expires_at > now()
            )
        )
        or 0
    )


def recent_emails(user: User, count: int = 10) -> list[EmailMessage]:
    """Return the mails that were last written to `user`."""
    return list(
        db.session.scalars(
            select(EmailMessage)
            .where(EmailMessage.user_id == user.id)
            .order_by(EmailMessage.id.desc())
            .limit(count)
        )
    )


def _matching(search: str) -> Iterator[ColumnElement[bool]]:
    for word in search.split():
        yield or_(
            *(
                column.icontains(word, autoescape=True)
                for column in (User.first_name, User.last_name, User.email)
            )
        )


def _ordering(sort: str) -> list[ColumnElement[Any]]:
    columns = SORTS.get(sort.removeprefix("-"))
    if columns is None:
        return _ordering(DEFAULT_SORT)
    if sort.startswith("-"):
        return [column.desc() for column in columns]
    return list(columns)


def _columns() -> Select[*tuple[Any, ...]]:
    return select(
        User.id,
        User.first_name,
        User.last_name,
        User.email,
        Role.name,
        User.confirmed,
        User.invited_at,
        User.suspended_at,
        User.password_hash.is_not(None),
        User.created_at,
        User.last_seen_at,
    ).outerjoin(User.role)
