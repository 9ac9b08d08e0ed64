"""Measure the cost of the search index for writes: add rows with and without the index."""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert, text

from app.extensions import db
from app.features.fake_data import fake_data
from app.models import User
from app.services import roles
from benchmarks.results import Result, compare
from benchmarks.stand import SQLITE, Stand

WITHOUT = {
    SQLITE: [f"DROP TRIGGER users_search_{action}" for action in ("insert", "update", "delete")],
}
WITHOUT_ON_POSTGRESQL = ["DROP INDEX ix_users_folded"]
AT_ONCE = 1000

_numbers = itertools.count()


def writing(stand: Stand) -> Iterator[Result]:
    for engine in stand.engines():
        with_index, without = _database(stand, engine), _database(stand, engine)
        with without.app_context():
            for statement in WITHOUT.get(engine, WITHOUT_ON_POSTGRESQL):
                db.session.execute(text(statement))
            db.session.commit()
        for name, add in (
            ("a row a transaction", _one_by_one(stand.sizes.requests)),
            (f"{AT_ONCE:,} rows a transaction", _at_once),
        ):
            found = compare(stand.sizes.rounds, partial(add, with_index), partial(add, without))
            yield Result(
                f"{engine}, the search index, {name}",
                f"{found.first * 1e6:,.0f} µs a row, {found.second * 1e6:,.0f} µs without it",
                f"{found.ratio:.2f}",
            )
        for app in (with_index, without):
            with app.app_context():
                db.engine.dispose()


def _database(stand: Stand, engine: str) -> Flask:
    app = stand.app(stand.empty_database(engine))
    with app.app_context():
        upgrade(revision="heads")
        roles.insert()
        fake_data.add_users(stand.sizes.few_people, seed=1)
    return app


def _one_by_one(count: int) -> Callable[[Flask], float]:
    def seconds(app: Flask) -> float:
        return _seconds(app, [_people(1) for _ in range(count)])

    return seconds


def _at_once(app: Flask) -> float:
    return _seconds(app, [_people(AT_ONCE)])


def _seconds(app: Flask, transactions: list[list[dict[str, object]]]) -> float:
    """Return the seconds per row."""
    with app.app_context():
        started = time.perf_counter()
        for rows in transactions:
            db.session.execute(insert(User), rows)
            db.session.commit()
        return (time.perf_counter() - started) / sum(map(len, transactions))


def _people(count: int) -> list[dict[str, object]]:
    numbers = itertools.islice(_numbers, count)
    return [
        {
            "first_name": "Katherine",
            "last_name": "Johnson",
            "email": f"katherine.johnson.{number}@benchmark.example.com",
            "confirmed": True,
        }
        for number in numbers
    ]
