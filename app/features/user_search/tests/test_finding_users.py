"""Test lists of users: their rows, their order, and the cost of a page."""

import base64
import json
import random
import re
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import g
from sqlalchemy import bindparam, collate, event, select, text
from werkzeug.datastructures import MultiDict

from app.extensions import db
from app.features import user_search
from app.features.user_search import SORTS, Filters
from app.features.user_search.services import matching, rarity, totals
from app.kit.database import now
from app.kit.names import fold
from app.kit.tables import asked as reading
from app.kit.tables import cursors
from app.kit.tables.cursors import NotACursor
from app.kit.tables.search import tidy
from app.kit.tables.table import declared_at
from app.kit.tables.totals import Total
from app.models import Role, User
from app.models.user import STATUSES
from app.services import overview
from tests.databases import NEEDS_POSTGRESQL, NEEDS_SQLITE

KINDS = STATUSES[1:]
EVERYONE = Filters()
EVERY_SORT = [*SORTS, *(f"-{sort}" for sort in SORTS)]


def on_sqlite():
    return db.engine.dialect.name == "sqlite"


def found(search="", **values):
    return {row.email for row in user_search.find(Filters(search=search, **values)).rows}


@pytest.fixture
def crowd(app):
    """30 users, some of them equal in every sort key except the id."""
    chance = random.Random(4)  # noqa: S311 - the same users each time, not secrets
    roles = list(db.session.scalars(select(Role.id)))
    start = datetime(2026, 5, 1, tzinfo=UTC)
    people = []
    for number in range(30):
        moments = [start + timedelta(days=chance.randrange(4)) for _ in range(2)]
        people.append(
            User(
                first_name=chance.choice(["Ada", "Grace", "Émile"]),
                last_name=chance.choice(["Lovelace", "Hopper", "O'Neil"]),
                email=f"crowd{number}@example.com",
                confirmed=chance.random() < 0.5,
                suspended_at=chance.choice([None, None, start]),
                role_id=chance.choice(roles),
                created_at=moments[0],
                last_seen_at=chance.choice([None, moments[1]]),
            )
        )
    db.session.add_all(people)
    db.session.flush()  # so that their ids have their order
    db.session.add(User(email="gone@example.com", deleted_at=now()))
    db.session.commit()
    # Users without a role come after all users with one.
    people[3].role = None
    db.session.commit()
    return people


# Pages


def walk(sort, filters=EVERYONE, per_page=7, *, backwards=False):
    """Return the ids on each page, in the order of the pages."""
    page = user_search.find(filters, sort=sort, per_page=per_page, last=backwards)
    pages = [[row.id for row in page.rows]]
    while cursor := page.before if backwards else page.after:
        way = {"before": cursor} if backwards else {"after": cursor}
        page = user_search.find(filters, sort=sort, per_page=per_page, **way)
        pages.append([row.id for row in page.rows])
    return pages


@pytest.mark.parametrize("sort", EVERY_SORT)
def test_pages_hold_everyone_once_from_either_end(crowd, sort):
    """IN-2"""
    forwards, backwards = walk(sort), walk(sort, backwards=True)
    in_order = [person for page in forwards for person in page]
    assert sorted(in_order) == sorted(user.id for user in crowd)
    # The first page is always full, so walking back may repeat users.
    assert backwards.pop() == in_order[:7]
    back = [person for page in reversed(backwards) for person in page]
    assert back == in_order[-len(back) :]
    assert len(back) + 7 >= len(in_order)


@pytest.mark.parametrize("sort", EVERY_SORT)
def test_the_next_page_leads_back_to_the_same_page(crowd, sort):
    first = user_search.find(Filters(), sort=sort, per_page=7)
    second = user_search.find(Filters(), sort=sort, per_page=7, after=first.after)
    third = user_search.find(Filters(), sort=sort, per_page=7, after=second.after)
    assert (
        user_search.find(Filters(), sort=sort, per_page=7, before=third.before).rows == second.rows
    )
    back = user_search.find(Filters(), sort=sort, per_page=7, before=second.before)
    assert back.rows == first.rows
    assert back.before is None


@pytest.mark.parametrize("fewest", [0, 100])
@pytest.mark.parametrize("sort", EVERY_SORT)
def test_a_list_that_is_gathered_has_the_order_of_one_that_follows_an_index(
    crowd, monkeypatch, sort, fewest
):
    monkeypatch.setattr(totals, "FEWEST", fewest)
    filters = Filters(search="example.com")
    gathered = walk(sort, filters, per_page=25)
    assert gathered == walk(sort, per_page=25)


def test_orders_mean_what_they_say(crowd):
    def rows(sort):
        return user_search.find(Filters(), sort=sort, per_page=100).rows

    by_name = [(row.last_name, row.first_name, row.id) for row in rows("name")]
    if on_sqlite():
        assert by_name == sorted(by_name)
    assert by_name[::-1] == [(row.last_name, row.first_name, row.id) for row in rows("-name")]
    names = {role.id: role.name for role in db.session.scalars(select(Role))} | {None: "z"}
    by_role = [names[row.role_id] for row in rows("role")]
    assert by_role == sorted(by_role)
    assert [row.status for row in rows("status")] == sorted(row.status for row in rows("status"))
    seen = [row.last_seen_at for row in rows("-last_seen_at")]
    moments = [moment for moment in seen if moment]
    assert moments == sorted(moments, reverse=True)
    assert seen[len(moments) :] == [None] * (len(seen) - len(moments))


def test_a_new_user_moves_no_row_to_another_page(crowd, make_user):
    first = user_search.find(Filters(), per_page=7)
    expected = user_search.find(Filters(), per_page=7, after=first.after).rows
    make_user()
    assert user_search.find(Filters(), per_page=7, after=first.after).rows == expected


def test_a_page_whose_neighbours_are_gone_is_filled_from_the_end(crowd):
    last = user_search.find(Filters(), sort="email", per_page=7, last=True)
    before = user_search.find(Filters(), sort="email", per_page=7, before=last.before)
    for row in last.rows:
        db.session.delete(db.session.get(User, row.id))
    db.session.commit()
    page = user_search.find(Filters(), sort="email", per_page=7, after=before.after or last.before)
    assert len(page.rows) == 7
    assert page.after is None


@pytest.mark.parametrize(
    "text",
    ["x", "=", "é", "a" * 5000, "W10", "bnVsbA", "AAAA", "_-", "WyItY3JlYXRlZF9hdCIsIiJd"],
)
def test_an_invalid_cursor_is_refused(crowd, text):
    """IN-1"""
    with pytest.raises(NotACursor):
        user_search.find(Filters(), after=text)


@pytest.mark.parametrize(
    ("sort", "segment", "values"),
    [
        ("email", "", ("a",)),
        ("email", "", ("a", -(2**31))),
        ("email", "", ("a", 2**31)),
        ("created_at", "", ("2026-01-01T00:00:00+00:00", 2**63 - 1)),
        ("email", "", ("a", True)),
        ("email", "", ("\0", 1)),
        ("email", "", ("\ud800", 1)),
        ("email", "", (1, 1)),
        ("email", "x", ("a", 1)),
        ("-email", "", ("a", 1)),
        ("created_at", "", ("2026-01-01", 1)),
        ("created_at", "", ("2026-13-01T00:00:00+00:00", 1)),
        ("role", "99", ("2026-01-01T00:00:00+00:00", 1)),
    ],
)
def test_a_cursor_of_another_list_is_refused(crowd, sort, segment, values):
    """IN-1"""
    made = base64.urlsafe_b64encode(json.dumps([sort, segment, *values]).encode()).decode()
    asked = "email" if sort == "-email" else sort
    with pytest.raises(NotACursor):
        user_search.find(Filters(), sort=asked, after=made.rstrip("="))


def test_a_cursor_is_read_as_it_was_written():
    cursor = cursors.Cursor("seen", (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), 7))
    text = cursors.write("last_seen_at", cursor)
    assert cursors.read(text, sort="last_seen_at", kinds={"seen": (datetime, int)}) == cursor


# Searching


@pytest.fixture
def many(monkeypatch):
    """Treat the existing users as too many to match row by row."""
    monkeypatch.setattr(matching, "A_LOOK_AT_EACH", 0)


@pytest.fixture
def names(make_user):
    for first, last, email in (
        ("Ada", "Lovelace", "ada@example.com"),
        ("Zoë", "O'Brien", "zoe+a_100%@example.org"),
        ("Łukasz", "Żak", "lukasz@example.net"),
        ("李", "小龙", "bruce@example.net"),
        ('Say "hi"', "back\\slash", "odd@example.net"),
    ):
        make_user(first_name=first, last_name=last, email=email)
    make_user(first_name="Ada", last_name="Gone", email="ada.gone@example.com", deleted_at=now())


@pytest.mark.parametrize(
    ("search", "emails"),
    [
        ("lovel", {"ada@example.com"}),
        ("VELACE", {"ada@example.com"}),
        ("velace da@ex", {"ada@example.com"}),
        ("ada brien", set()),
        ("zoë", {"zoe+a_100%@example.org"}),
        ("o'b", {"zoe+a_100%@example.org"}),
        ("100%", {"zoe+a_100%@example.org"}),
        ("a_1", {"zoe+a_100%@example.org"}),
        ("a%1", set()),
        ("a.1", set()),
        ('"hi"', {"odd@example.net"}),
        ("\\sl", {"odd@example.net"}),
        ("lukasz", {"lukasz@example.net"}),
        # This word is shorter than a trigram.
        ("ad", {"ada@example.com"}),
        ("OV", {"ada@example.com"}),
        ("uk", {"lukasz@example.net"}),
        ("ov da", {"ada@example.com"}),
        ("ov lukasz", set()),
        ("da lovelace", {"ada@example.com"}),
        ("ë", {"zoe+a_100%@example.org"}),
        ("龙", {"bruce@example.net"}),
        ("小龙", {"bruce@example.net"}),
        ("%", {"zoe+a_100%@example.org"}),
        ("_", {"zoe+a_100%@example.org"}),
        ("\\", {"odd@example.net"}),
        ("xq", set()),
    ],
)
def test_a_search_finds_every_word_in_any_case(names, search, emails):
    assert found(search) == emails


@pytest.mark.parametrize(
    ("search", "emails"),
    [
        ("ad", {"ada@example.com"}),
        ("L", {"ada@example.com", "lukasz@example.net"}),
        ("da", set()),
        ("lo ad", {"ada@example.com"}),
        ("ad lovelace", {"ada@example.com"}),
        ("李", {"bruce@example.net"}),
        ("小龙", {"bruce@example.net"}),
        ("%", set()),
        ("_", set()),
    ],
)
def test_among_many_people_short_words_are_looked_for_at_beginnings(many, names, search, emails):
    assert found(search) == emails


def test_case_beyond_ascii_is_folded_too(names):
    if not on_sqlite() and db.session.scalar(text("SELECT lower('Ł')")) != "ł":
        pytest.skip("This database folds the case of ASCII letters only.")
    assert found("ŁUKASZ") == found("łukasz") == {"lukasz@example.net"}
    assert found("ZOË") == found("OË") == {"zoe+a_100%@example.org"}


HOSTILE = [
    *('"', "'", '""', "AND", "OR NOT", "NEAR(a b)", "first_name : ada", "-ada", "^ada", "ada*"),
    *("(", ")", "{a b}", "\\", "\\\\\\", "%%%", "___", "\0", "a\0da", "\0\0\0", "x" * 5000),
    *(
        "' OR 1=1 --",
        "\ud800",
        "\U0010ffff",
        "😀😀😀",
        "\u202eada",
        "ﬁﬁﬁ",
        "İİİ",
        "K" * 3,
        ".*",
        "[a-z]",
    ),
    *("a " * 300, "abc " * 300, "\n\t\r", "\xa0", "$1 $$ %s %(x)s :x ? {}"),
]


@pytest.mark.parametrize(("sort", "fewest"), [("-created_at", 100), ("role", 100), ("role", 0)])
def test_no_search_is_an_error(names, monkeypatch, sort, fewest):
    """IN-1"""
    monkeypatch.setattr(totals, "FEWEST", fewest)
    monkeypatch.setattr(matching, "A_LOOK_AT_EACH", fewest)
    for search in HOSTILE:
        filters = Filters(search=tidy(search))
        for narrowed in (filters, Filters(search=search), Filters(search=search, status="deleted")):
            page = user_search.find(narrowed, sort=sort)
            whole = db.session.scalars(select(User.id).where(*narrowed.conditions())).all()
            assert sorted(row.id for row in page.rows) == sorted(whole), narrowed
            assert page.total == Total(len(whole)), narrowed


@pytest.mark.parametrize("look_at_each", [0, 100])
def test_a_search_finds_the_same_users_with_another_filter(names, monkeypatch, look_at_each):
    """A list gathered by the search holds the same users as a list gathered by the role."""
    monkeypatch.setattr(matching, "A_LOOK_AT_EACH", look_at_each)
    role = db.session.scalar(select(Role).where(Role.name == "User"))
    for search in ("ada", "zoë", "łukasz", "lukasz ", "ad", "L", "example.net od"):
        filters = Filters(search=search, role_id=role.id)
        expected = set(db.session.scalars(select(User.id).where(*filters.conditions())))
        for led_by in ({"search"}, {"start"}, {"role"}, set()):
            ids = set(db.session.scalars(select(User.id).where(*filters.conditions(led_by))))
            assert ids == expected, (search, led_by)


def test_a_changed_name_is_found_and_the_old_one_is_not(names):
    user = db.session.scalar(select(User).where(User.email == "ada@example.com"))
    user.last_name = "Byron"
    db.session.commit()
    assert found("byron") == {"ada@example.com"}
    assert found("lovelace") == set()


def test_more_than_can_be_sorted_come_in_the_order_in_which_they_were_added(crowd, monkeypatch):
    monkeypatch.setattr(totals, "FEWEST", 5)
    monkeypatch.setattr(totals, "FEW", 10)
    monkeypatch.setattr(totals, "CAP", 10)
    filters = Filters(search="example.com")
    page = user_search.find(filters, sort="name", per_page=25)
    ids = sorted((user.id for user in crowd), reverse=True)
    assert not page.is_sorted
    assert [row.id for row in page.rows] == ids[:25]
    assert page.total.kind == "about"
    rest = user_search.find(filters, sort="name", per_page=25, after=page.after)
    assert [row.id for row in rest.rows] == ids[25:]
    assert user_search.find(filters, sort="name", per_page=25, before=rest.before).rows == page.rows
    last = user_search.find(filters, sort="name", per_page=25, last=True)
    assert [row.id for row in last.rows] == ids[-25:]


# Filters


def test_filters_narrow_the_list_down(make_user, crowd):
    role = db.session.scalar(select(Role).where(Role.name == "Administrator"))
    rows = user_search.find(Filters(role_id=role.id), per_page=100).rows
    assert {row.role_id for row in rows} == {role.id}
    assert [row.id for row in user_search.find(Filters(role_id=0)).rows] == [crowd[3].id]
    for status in ("active", "suspended", "unconfirmed"):
        rows = user_search.find(Filters(status=status), sort="name", per_page=100).rows
        assert [row.status for row in rows] == [status] * len(rows)
        assert rows
    assert found(status="deleted") == {"gone@example.com"}
    assert "gone@example.com" not in found()


def test_days_are_whole_days_the_last_one_included(make_user):
    day = date(2026, 3, 29)
    for hour, minute, name in ((0, 0, "first"), (23, 59, "last")):
        at = datetime(2026, 3, 29, hour, minute, 59, 999_999, UTC)
        make_user(email=f"{name}@example.com", created_at=at, last_seen_at=at)
    for offset in (-1, 1):
        at = datetime(2026, 3, 29, 12, tzinfo=UTC) + timedelta(days=offset)
        make_user(created_at=at, last_seen_at=at)
    expected = {"first@example.com", "last@example.com"}
    assert found(created_from=day, created_to=day) == expected
    assert found(seen_from=day, seen_to=day) == expected
    assert len(found(seen_from=day)) == 3
    assert len(found(created_to=date.max)) == 4


def read(query):
    asked = reading.read(declared_at("admin.registered_users"), MultiDict(query))
    return Filters.of(asked), asked.notices


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"role": "99"}, "no such role"),
        ({"role": "x"}, "no such role"),
        ({"role": "-1"}, "no such role"),
        ({"role": "9" * 30}, "no such role"),
        ({"role": "１"}, "no such role"),
        ({"status": "happy"}, "no such status"),
        ({"created_from": "yesterday"}, "not a date"),
        ({"created_from": "2026-02-30"}, "not a date"),
        ({"seen_to": "20260101"}, "not a date"),
        ({"seen_to": "0000-01-01"}, "not a date"),
        ({"seen_from": "2026-02-02", "seen_to": "2026-02-01"}, "end before they begin"),
    ],
)
def test_an_invalid_filter_is_left_out_and_said(app, query, part):
    filters, notices = read(query)
    assert filters.is_empty
    assert part in " ".join(notices)


def test_filters_are_read_from_the_url(app):
    role_id = db.session.scalar(select(Role.id))
    filters = Filters(
        search="ada love",
        role_id=role_id,
        status="suspended",
        created_from=date(2026, 1, 1),
        created_to=date(2026, 1, 2),
        seen_from=date(2026, 1, 3),
        seen_to=date(2026, 1, 4),
    )
    query = {
        "search": "ada love",
        "role": str(role_id),
        "status": "suspended",
        "created_from": "2026-01-01",
        "created_to": "2026-01-02",
        "seen_from": "2026-01-03",
        "seen_to": "2026-01-04",
    }
    assert read(query) == (filters, [])
    assert read({}) == (Filters(), [])


# Totals


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
    shown = Counter(row.status for row in user_search.find(Filters()).rows)

    counts = overview.statistics()

    assert {kind: counts[kind] for kind in KINDS} == {kind: shown[kind] for kind in KINDS}
    assert counts["users"] == 6
    assert counts["administrators"] == 1


def test_totals_are_exact_while_that_is_cheap(crowd):
    assert user_search.find(Filters(), per_page=7).total == Total(30)
    last = user_search.find(Filters(search="ada"), per_page=7, last=True)
    assert last.total == Total(sum(user.first_name == "Ada" for user in crowd))
    assert user_search.find(Filters(search="nobody at all")).total == Total(0)


def test_a_total_is_exact_also_where_those_found_are_too_many_to_sort(crowd, monkeypatch):
    monkeypatch.setattr(totals, "FEWEST", 5)
    monkeypatch.setattr(totals, "FEW", 10)
    page = user_search.find(Filters(search="example.com"), sort="name", per_page=7)
    assert not page.is_sorted
    assert page.total == Total(30)


def test_a_total_beyond_the_cap_is_said_to_be_about_that_or_more(crowd, monkeypatch):
    monkeypatch.setattr(totals, "CAP", 10)
    monkeypatch.setattr(totals, "FEWEST", 5)
    monkeypatch.setattr(totals, "FEW", 10)
    for filters in (Filters(), Filters(search="example.com"), Filters(created_to=date.max)):
        total = user_search.find(filters, per_page=7).total
        assert total.kind in {"about", "more"}, filters
    assert totals.about(1_049_999).count == 1_000_000
    assert totals.about(24_701).count == 25_000


# Cost of a page


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_counted_in_an_index(app, kind):
    if not on_sqlite():
        pytest.skip(NEEDS_SQLITE)  # A server with few rows reads them all.
    plan = db.session.execute(
        text("EXPLAIN QUERY PLAN SELECT count(*) FROM users WHERE status = :kind"), {"kind": kind}
    )

    assert "INDEX ix_users_status" in str(plan.all())


@pytest.fixture
def plans_of(app):
    """Return a function that returns SQLite's query plan of each query of a page."""
    if not on_sqlite():
        pytest.skip(NEEDS_SQLITE)  # A server with few rows reads them all.
    asked = []

    def note(_connection, _cursor, statement, parameters, *_):
        if statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    def explain(filters, **place):
        rarity.is_rare("ada")  # Take the sample now, because the plans are without its queries.
        asked.clear()
        connection = db.session.connection()
        event.listen(connection, "before_cursor_execute", note)
        try:
            user_search.find(filters, **place)
        finally:
            event.remove(connection, "before_cursor_execute", note)
        found = []
        for statement, parameters in list(asked):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.append((statement, [row[-1] for row in rows]))
        return found

    return explain


def assert_lean(explained, *, may_sort=False):
    """Assert that no step of a plan costs more as the number of users grows."""
    for statement, steps in explained:
        counts_all = re.match(
            r"SELECT count\(\*\).*\nFROM users \nWHERE users.deleted_at IS NULL$", statement
        )
        for step in steps:
            is_users = re.search(r"\busers\b(?!_search)", step)
            if step.startswith("SCAN") and is_users and not counts_all:
                # Rows come in the order of an index, and the query stops after a page.
                assert "USING" in step, (statement, steps)
                assert "LIMIT" in statement, (statement, steps)
            if "TEMP B-TREE" in step and "users" in statement:
                # A search gathers its matches until they exceed a page or two.
                is_of_few = statement.startswith("WITH found") and "LIMIT" in statement
                assert may_sort or is_of_few, (statement, steps)


@pytest.mark.parametrize("sort", EVERY_SORT)
def test_no_page_sorts_or_scans_the_users(crowd, plans_of, sort):
    page = user_search.find(Filters(), sort=sort, per_page=7)
    middle = user_search.find(Filters(), sort=sort, per_page=7, after=page.after)
    for place in ({}, {"after": page.after}, {"before": middle.before}, {"last": True}):
        explained = plans_of(Filters(), sort=sort, per_page=7, **place)
        assert explained
        assert_lean(explained)


@pytest.mark.parametrize(
    ("filters", "sort"),
    [
        (Filters(role_id=1), "-created_at"),
        (Filters(role_id=1), "role"),
        (Filters(status="active"), "created_at"),
        (Filters(status="suspended", created_from=date(2026, 1, 1)), "status"),
        (Filters(created_from=date(2026, 1, 1), created_to=date(2026, 5, 1)), "-created_at"),
        (Filters(seen_from=date(2026, 1, 1)), "-last_seen_at"),
    ],
)
def test_filters_that_an_index_serves_are_neither_sorted_nor_scanned(
    crowd, plans_of, filters, sort
):
    for place in ({}, {"last": True}):
        explained = plans_of(filters, sort=sort, per_page=7, **place)
        assert_lean(explained)
        assert "SCAN users" not in str(explained)


@pytest.mark.parametrize("search", ["example.com", "ada love", "zoë", "ad", "a", "ad lovelace"])
def test_a_search_looks_into_indexes_and_sorts_what_it_has_found(crowd, many, plans_of, search):
    for sort in ("-created_at", "name", "role"):
        explained = plans_of(Filters(search=search), sort=sort)
        assert_lean(explained, may_sort=True)
        assert not any(step == "SCAN users" for _statement, steps in explained for step in steps)


def test_many_hits_are_read_in_the_order_of_their_index(crowd, plans_of, monkeypatch):
    monkeypatch.setattr(totals, "FEWEST", 5)
    monkeypatch.setattr(totals, "FEW", 10)
    for place in ({}, {"last": True}):
        explained = plans_of(Filters(search="example.com"), per_page=7, **place)
        assert_lean(explained)


@pytest.mark.parametrize("word", ["example.com", "ada", "émile", "o'neil", "100%_sure", "οδος"])
def test_a_common_word_is_found_in_order_as_by_the_index(crowd, word):
    db.session.add(User(first_name="100%_Sure", last_name="ΟΔΟΣΑΣ", email="a@example.org"))
    db.session.flush()
    by_index, in_order = (
        set(db.session.scalars(select(User.id).where(*matching.anywhere(word, is_leading=leading))))
        for leading in (True, False)
    )
    assert by_index
    assert in_order == by_index


def test_postgresql_expects_many_users_with_a_common_word(crowd):
    """It would sort all users if it expected few."""
    if on_sqlite():
        pytest.skip(NEEDS_POSTGRESQL)  # SQLite has no estimate.

    def expected(*conditions):
        query = select(User.id).where(*conditions)
        compiled = query.compile(db.session.connection())
        plan = db.session.connection().exec_driver_sql(
            f"EXPLAIN (FORMAT JSON) {compiled.string}", compiled.construct_params()
        )
        return plan.scalar()[0]["Plan"]["Plan Rows"]

    common = matching.anywhere("somebody@example.com", is_leading=False)
    assert expected(*common) * 4 >= expected()


def test_a_rare_filter_leads_whatever_the_order(crowd, plans_of):
    for filters in (Filters(status="suspended"), Filters(role_id=1)):
        explained = plans_of(filters, sort="name", per_page=7)
        assert any("INDEX ix_users_" in step for _statement, steps in explained for step in steps)
        assert_lean(explained, may_sort=True)


def test_a_page_asks_the_database_a_few_times_only(crowd, plans_of):
    asked = plans_of(Filters(search="ada"), per_page=7)
    assert len(asked) == 1
    assert len(plans_of(Filters(search="nobody known"), per_page=7)) == 2


# Case and accents: the same rule in Python, SQLite and PostgreSQL

NAMES = {
    "Titiz": ["TITIZ", "titiz", "Titiz", "ITI"],
    "İbrahim": ["İbrahim", "İBRAHIM", "i̇brahim"],
    "Yılmaz": ["Yılmaz", "yılmaz"],
    "Éric": ["éric", "E\u0301RIC", "e\u0301ric", "É", "e\u0301"],
    "Œuvre": ["œUVRE"],
    "ΟΔΟΣΑΣ": ["οδοσ", "ΟΔΟΣ", "οδος", "οδοσας"],
    "Łukasz": ["łUKASZ", "Ł"],
    "Nguyễn": ["nguyễn", "NGUYÊ\u0303N", "nguye\u0302\u0303n"],
    "Straße": ["straße"],
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found_in_any_case_and_form(make_user, name, form, monkeypatch):
    """Composed and decomposed letters did not match, and "I" did not match names with "i"."""
    make_user(first_name=unicodedata.normalize(form, name), last_name="X", email="one@example.com")
    make_user(first_name="Somebody", last_name="Else", email="other@example.com")
    for most in (matching.A_LOOK_AT_EACH, 0):
        monkeypatch.setattr(matching, "A_LOOK_AT_EACH", most)
        g.pop("people_are_few", None)
        for search in NAMES[name]:
            assert found(search) == {"one@example.com"}, search
            # This is matched row by row, because another filter leads.
            assert found(search, status="active") == {"one@example.com"}, search


def test_a_name_is_stored_in_one_form(make_user):
    assert make_user(first_name="E\u0301ric", last_name="No\u0308l").full_name() == "Éric Nöl"


@pytest.mark.parametrize("locale", ["tr-TR-x-icu", "C", "und-x-icu"])
def test_postgresql_folds_case_as_python_does_whatever_its_locale(app, locale):
    if on_sqlite():
        pytest.skip(NEEDS_POSTGRESQL)  # SQLite has no locale.
    alphabets = [
        range(0x20, 0x250),
        range(0x370, 0x530),
        range(0x1E00, 0x1F00),
        range(0x10A0, 0x10FF),
    ]
    letters = [chr(code) for alphabet in alphabets for code in alphabet]
    written = collate(bindparam("text"), locale)
    for start in range(0, len(letters), 100):
        text = "".join(letters[start : start + 100])
        folded = db.session.scalar(select(matching._folded(written)), {"text": text})
        folded = folded.replace("ς", "σ")  # a search maps the final sigma itself
        assert unicodedata.normalize("NFC", folded) == fold(text)


def test_the_index_of_words_is_used(app):
    if on_sqlite():
        pytest.skip(NEEDS_POSTGRESQL)  # SQLite's index is a table of its own.
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    query = select(User.id).where(*matching.anywhere("titiz"))
    compiled = query.compile(db.session.connection(), compile_kwargs={"literal_binds": True})
    plan = db.session.execute(text("EXPLAIN " + str(compiled).replace(":", "\\:"))).scalars()
    assert "ix_users_folded" in "\n".join(plan)
