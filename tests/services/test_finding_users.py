"""Lists of users, and how many there are of each kind."""

from collections import Counter

import pytest
from sqlalchemy import text

from app.extensions import db
from app.models.user import USERS_OF_A_KIND
from app.services import users


def test_users_are_counted_by_the_status_that_they_show(make_user):
    for traits in (
        {},
        {"confirmed": False},
        {"confirmed": False, "suspended": True},
        {"invited": True},
        {"invited": True, "suspended": True},
        {"role": "Administrator"},
    ):
        make_user(**traits)
    shown = Counter(row.status for row in users.find().rows)

    counts = users.statistics()

    assert {kind: counts[kind] for kind in USERS_OF_A_KIND} == {
        kind: shown[kind] for kind in USERS_OF_A_KIND
    }
    assert counts["users"] == 6
    assert counts["administrators"] == 1


@pytest.mark.parametrize("kind", USERS_OF_A_KIND)
def test_each_kind_has_an_index_of_its_own(app, kind):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("a server with few rows reads them all")
    condition = USERS_OF_A_KIND[kind].compile(db.engine, compile_kwargs={"literal_binds": True})
    query = f"SELECT 1 FROM users WHERE {condition}"  # noqa: S608 - the app's own condition
    plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {query}"))

    assert f"INDEX ix_users_{kind}" in str(plan.all())


@pytest.mark.parametrize("page", [1, 2, 3])
def test_every_page_says_how_many_there_are_in_all(make_user, monkeypatch, page):
    monkeypatch.setattr(users, "PER_PAGE", 2)
    made = [make_user() for _ in range(5)]

    listing = users.find(sort="created_at", page=page)

    assert [row.id for row in listing.rows] == [user.id for user in made[page * 2 - 2 : page * 2]]
    assert (listing.total, listing.pages, listing.has_next) == (5, 3, page < 3)


def test_a_page_after_the_last_is_empty_and_says_how_many_there_are(make_user):
    make_user()

    listing = users.find(page=9)

    assert (listing.rows, listing.total, listing.has_next) == ([], 1, False)


def test_more_users_than_are_counted_are_said_to_be_more(make_user, monkeypatch):
    monkeypatch.setattr(users, "COUNT_CAP", 3)
    for _ in range(4):
        make_user()

    listing = users.find()

    assert (listing.total, listing.total_is_capped, len(listing.rows)) == (3, True, 4)
