"""Generate fake users. This is a separate module because importing Faker is slow."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

from faker import Faker
from sqlalchemy import func, insert, select

from app.extensions import db
from app.kit import passwords
from app.kit.database import now
from app.models import Role, User, UserSession

BATCH = 5_000
NAMES = 2_000  # names to draw from Faker and combine; a call per user would take minutes


def add_users(
    count: int,
    *,
    seed: int | None = None,
    with_administrators: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Add `count` fake users in batches. Each batch commits and calls `on_progress(done, count)`.

    All users share the hash of one random password, because hashing a password for each takes
    half an hour per 100,000 users.
    """
    random = Random(seed)  # noqa: S311 - made-up people, not secrets
    roles = db.session.scalars(select(Role).order_by(Role.id))
    role_ids = [role.id for role in roles if with_administrators or not role.is_administrator]
    first_number = (db.session.scalar(select(func.max(User.id))) or 0) + 1
    people = itertools.islice(_people(random, role_ids, first_number, seed), count)
    done = 0
    while batch := list(itertools.islice(people, BATCH)):
        db.session.execute(insert(User), batch)
        db.session.commit()
        done += len(batch)
        on_progress(done, count)


def _people(
    random: Random, role_ids: list[int], first_number: int, seed: int | None
) -> Iterator[dict[str, Any]]:
    """Yield rows of users without end. A number keeps each email unique."""
    fake = Faker()
    fake.seed_instance(seed if seed is not None else random.random())
    first_names = [fake.first_name() for _ in range(NAMES)]
    last_names = [fake.last_name() for _ in range(NAMES)]
    password_hash = passwords.hash_password(UserSession.new_token())
    at = now()
    for number in itertools.count(first_number):
        first_name, last_name = random.choice(first_names), random.choice(last_names)
        created_at = at - timedelta(seconds=random.randrange(2 * 365 * 24 * 60 * 60))
        yield {
            "first_name": first_name,
            "last_name": last_name,
            "email": f"{first_name}.{last_name}{number}@example.com".lower().replace(" ", ""),
            "password_hash": password_hash,
            "confirmed": random.random() < 0.9,
            "role_id": random.choice(role_ids) if role_ids else None,
            "created_at": created_at,
            "last_seen_at": created_at + (at - created_at) * random.random(),
        }
