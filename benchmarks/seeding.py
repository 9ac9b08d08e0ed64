"""Fill a database with users, and with rows of a feature of `manage.py new`.

`python -m benchmarks.seeding PEOPLE FEATURE ROWS` runs in a copy of the project that has the
feature.
"""

import importlib
import logging
import os
import sys
import time

from flask_migrate import upgrade
from sqlalchemy import text

from app import create_app
from app.extensions import db
from app.features.fake_data import fake_data
from app.models import User
from app.services import roles, users

ADMINISTRATOR = "administrator@example.com"
PERSON = "person@example.com"
CACHE = 512 * 1024  # KiB


def fill(people: int, *, password: str) -> float:
    """Add an administrator, an ordinary user and `people` fake users to an empty database.

    Returns the seconds that the fake users took.
    """
    upgrade(revision="heads")
    roles.insert()
    users.create_administrator(email=ADMINISTRATOR, password=password, enforce_password_rule=False)
    db.session.add(User(email=PERSON, password=password, confirmed=True))
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        # Unordered inserts into indexes larger than the cache take minutes.
        db.session.execute(text(f"PRAGMA cache_size = -{CACHE}"))
        db.session.commit()
    started = time.perf_counter()
    fake_data.add_users(people, seed=1)
    return time.perf_counter() - started


def settle() -> None:
    """Do what the database would do within a minute, before something is measured."""
    if db.engine.dialect.name == "postgresql":
        engine = db.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
    db.engine.dispose()
    # Pending writes of hundreds of megabytes would slow the next measurement.
    os.sync()


def main(people: str, feature: str, rows: str) -> None:
    """Fill the database of DATABASE_URL."""
    logging.disable(logging.WARNING)
    app = create_app("production", {"SQLALCHEMY_DATABASE_URI": os.environ["DATABASE_URL"]})
    with app.app_context():
        fill(int(people), password=os.environ["ADMIN_PASSWORD"])
        importlib.import_module(f"app.features.{feature}.fake_data").add(int(rows))
        settle()


if __name__ == "__main__":
    main(*sys.argv[1:])
