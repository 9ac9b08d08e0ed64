"""Lists of users, and how many there are of each kind."""

from collections import Counter

import pytest
from sqlalchemy import text

from app.extensions import db
from app.models.user import STATUSES
from app.services import directory

KINDS = STATUSES[1:]


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
    shown = Counter(row.status for row in directory.find().rows)

    counts = directory.statistics()

    assert {kind: counts[kind] for kind in KINDS} == {kind: shown[kind] for kind in KINDS}
    assert counts["users"] == 6
    assert counts["administrators"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_counted_in_an_index(app, kind):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("a server with few rows reads them all")
    plan = db.session.execute(
        text("EXPLAIN QUERY PLAN SELECT count(*) FROM users WHERE status = :kind"), {"kind": kind}
    )

    assert "INDEX ix_users_status" in str(plan.all())


@pytest.mark.parametrize("page", [1, 2, 3])
def test_every_page_says_how_many_there_are_in_all(make_user, monkeypatch, page):
    monkeypatch.setattr(directory, "PER_PAGE", 2)
    made = [make_user() for _ in range(5)]

    listing = directory.find(sort="created_at", page=page)

    assert [row.id for row in listing.rows] == [user.id for user in made[page * 2 - 2 : page * 2]]
    assert (listing.total, listing.pages, listing.has_next) == (5, 3, page < 3)


def test_a_page_after_the_last_is_empty_and_says_how_many_there_are(make_user):
    make_user()

    listing = directory.find(page=9)

    assert (listing.rows, listing.total, listing.has_next) == ([], 1, False)


def test_more_users_than_are_counted_are_said_to_be_more(make_user, monkeypatch):
    monkeypatch.setattr(directory, "COUNT_CAP", 3)
    for _ in range(4):
        make_user()

    listing = directory.find()

    assert (listing.total, listing.total_is_capped, len(listing.rows)) == (3, True, 4)
