"""Test that events are found, newest first, in a table of any size."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, text
from werkzeug.datastructures import MultiDict

from app.extensions import db
from app.features.audit import tables
from app.features.audit.services import finding, walking
from app.features.audit.services.filters import EventFilters
from app.kit.tables import asked as reading
from app.kit.tables.totals import Total
from app.models import AuditEvent
from app.services import user_lookup
from tests.support import needs

ADDRESS = "203.0.113.7"


def ids(page):
    return [row.id for row in page.rows]


def test_a_list_is_walked_in_both_directions(app, add_event):
    every = [add_event() for _ in range(7)]
    first = finding.find(EventFilters(), per_page=3)
    second = finding.find(EventFilters(), before=first.before, per_page=3)
    back = finding.find(EventFilters(), after=second.after, per_page=3)
    oldest = finding.find(EventFilters(), after=0, per_page=3)

    assert ids(first) == every[6:3:-1]
    assert ids(second) == every[3:0:-1]
    assert ids(back) == ids(first)
    assert back.after is None
    assert ids(oldest) == every[2::-1]


@needs("roles")
def test_events_are_found_by_everything_that_is_asked(app, make_user, add_event):
    ada = make_user(email="ada@example.com", first_name="Ada", last_name="Lovelace")
    by = add_event(actor_id=ada.id, actor_label="ada@example.com", address=ADDRESS)
    on = add_event("user.suspended", subject_type="user", subject_id=ada.id, request_id="r" * 32)
    acting = add_event("page.edited", acting_as_id=ada.id, acting_as_label="ada@example.com")
    tried = add_event("session.refused", actor_label="nobody@example.com", address="2001:db8::1")
    role = add_event("role.changed", subject_type="role", subject_id=7, subject_label="Editor")

    def found(**filters):
        return ids(finding.find(EventFilters(**filters)))

    assert found() == [role, tried, acting, on, by]
    assert found(action="role.changed") == [role]
    assert found(action="session") == [tried, by]
    assert found(user_id=ada.id) == [acting, on, by]
    assert found(user_id=ada.id, action="session") == [by]
    assert found(address="2001:db8::1") == [tried]
    assert found(search="2001:DB8::1") == [tried]
    assert found(search="r" * 32) == [on]
    assert found(search="ada@example.com") == [acting, on, by]
    assert found(search="lovel ada") == [acting, on, by]
    assert found(search="NOBODY@") == [tried]
    assert found(search="edit") == [role]
    assert found(search="100%") == []
    assert found(search="ada", address=ADDRESS, action="session") == [by]
    assert found(search="ada", address=ADDRESS, action="user") == []


def test_users_are_found_without_an_index_too(app, make_user, add_event, monkeypatch):
    """The user search may be disabled."""
    monkeypatch.setattr(user_lookup, "_finders", user_lookup._finders[:1])
    ada = make_user(email="ada@example.com", first_name="Ada", last_name="Love_lace")
    by = add_event(actor_id=ada.id)
    for search in ("ada@example.com", "LOVE_ ada", "ample.com love"):
        assert ids(finding.find(EventFilters(search=search))) == [by]
    for search in ("ada lovel", "loveXlace", "%"):
        assert ids(finding.find(EventFilters(search=search))) == []


def test_days_are_whole_and_the_last_one_included(app, add_event):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    hours = [add_event(at=at + timedelta(hours=hour)) for hour in (-1, 0, 12, 23, 24, 48)]
    # An earlier event may be recorded later, with a higher id.
    late = add_event(at=at + timedelta(hours=23.9))

    def found(**days):
        return ids(finding.find(EventFilters(**days)))

    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert found(first=first, last=first) == [late, hours[3], hours[2], hours[1]]
    assert found(first=second) == [hours[5], hours[4]]
    assert found(last=date(2026, 2, 28)) == [hours[0]]
    assert found(first=date(2030, 1, 1)) == []
    assert found(last=date(2020, 1, 1)) == []


def test_filters_that_meet_are_looked_through_step_by_step(app, add_event, make_user, monkeypatch):
    """Rare combinations of filters skip no event, and a page says how far it searched."""
    monkeypatch.setattr(walking, "SMALLEST_WINDOW", 2)
    monkeypatch.setattr(walking, "LARGEST_WINDOW", 2)
    monkeypatch.setattr(walking, "BUDGET", 60)
    user = make_user()
    wanted = []
    for number in range(40):
        hit = number % 13 == 3
        action = "user.suspended" if hit else "session.started"
        event_id = add_event(action, actor_id=user.id, address=ADDRESS if number % 2 else "")
        if hit and number % 2:
            wanted.append(event_id)
        add_event("user.suspended", address=ADDRESS)
    filters = EventFilters(user_id=user.id, action="user", address=ADDRESS)
    assert wanted
    assert ids(finding.find(filters)) == wanted[::-1]
    assert ids(finding.find(filters, after=0)) == wanted[::-1]

    monkeypatch.setattr(walking, "BUDGET", -1)
    page = finding.find(filters)
    seen = ids(page)
    assert page.searched_to is not None
    while page.before:
        page = finding.find(filters, before=page.before)
        seen += ids(page)
    assert seen == wanted[::-1]


def test_a_total_is_exact_or_says_that_it_is_not(app, add_event, monkeypatch):
    monkeypatch.setattr(finding, "COUNT_CAP", 4)
    monkeypatch.setattr(finding, "PER_PAGE", 2)
    for _ in range(6):
        add_event(address=ADDRESS)

    assert finding.find(EventFilters(address="192.0.2.1"), per_page=2).total.count == 0
    assert finding.find(EventFilters(), per_page=2).total.kind == "about"
    assert finding.find(EventFilters(address=ADDRESS), per_page=2).total == Total(4, "more")
    monkeypatch.setattr(finding, "COUNT_CAP", 10)
    assert finding.find(EventFilters(address=ADDRESS), per_page=2).total == Total(6)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (EventFilters(), "pk_audit_events|PRIMARY KEY"),
        (EventFilters(action="user.suspended"), "ix_audit_events_action"),
        (EventFilters(user_id=1), "ix_audit_events_actor .*ix_audit_events_acting_as "),
        (EventFilters(user_id=1), "ix_audit_events_subject "),
        (EventFilters(address=ADDRESS), "ix_audit_events_address"),
        (EventFilters(search="r" * 32), "ix_audit_events_request"),
    ],
)
def test_each_filter_walks_an_index(app, add_event, filters, index):
    """No list reads events that it does not show, and none sorts them."""
    db.session.execute(
        insert(AuditEvent),
        [
            {
                "action": "x",
                "actor_id": n,
                "acting_as_id": n,
                "subject_type": "user",
                "subject_id": n,
                "address": f"{n}",
                "request_id": f"{n}",
            }
            for n in range(2_000)
        ],
    )
    db.session.execute(text("ANALYZE audit_events"))
    statements = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    db.event.listen(db.engine, "before_cursor_execute", note)
    try:
        finding.find(filters, before=10**6)
    finally:
        db.event.remove(db.engine, "before_cursor_execute", note)
    is_sqlite = db.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    connection = db.session.connection()
    plans = []
    for statement, parameters in statements:
        if "audit_events" in statement and statement.startswith("SELECT"):
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            plans.append(" ".join(str(row[-1]) for row in rows))
    assert any(re.search(index, plan) for plan in plans), plans
    assert not any("SCAN audit_events" in plan and "USING" not in plan for plan in plans), plans


def test_the_activity_of_a_user_lists_the_events_of_their_account(app, make_user, add_event, admin):
    user = make_user()
    mine = add_event("session.started", actor_id=user.id, subject_type="user", subject_id=user.id)
    as_me = add_event("page.edited", actor_id=admin.id, acting_as_id=user.id)
    add_event("user.suspended", actor_id=user.id, subject_type="user", subject_id=admin.id)

    assert [row.id for row in finding.activity(user).rows] == [as_me, mine]
    assert len(finding.about_user(user)) == 3


def read(query):
    asked = reading.read(tables.events, MultiDict(query))
    return tables.filters_of(asked), asked.notices


def test_filters_are_read_as_they_are_written(app):
    query = {"search": "ada", "action": "user", "user": "7", "address": "0::1"}
    query |= {"from": "2026-03-01", "to": "2026-03-02"}
    filters = EventFilters("ada", "user", 7, "::1", date(2026, 3, 1), date(2026, 3, 2))
    assert read(query) == (filters, [])
    assert read({}) == (EventFilters(), [])


@pytest.mark.parametrize(
    "query",
    [
        {"action": "user.eaten"},
        {"user": "ada"},
        {"user": "-1"},
        {"user": "9" * 30},
        {"user": "٣"},
        {"address": "999.1.1.1"},
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"from": "2026-03-02", "to": "2026-03-01"},
    ],
)
def test_an_invalid_filter_shows_everything_and_says_so(app, query):
    filters, notices = read(query)
    assert filters.is_empty
    assert len(notices) == 1
