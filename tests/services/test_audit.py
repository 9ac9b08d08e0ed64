"""The audit trail: recording events, protecting them, and finding them."""

import json
import logging
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, collate, delete, func, select, text
from sqlalchemy.exc import DatabaseError

from app.extensions import db, is_sqlite
from app.kit import audit
from app.kit.audit import retention
from app.kit.audit.downloads import record_download
from app.kit.audit.maintenance import AuditMaintenance, maintenance
from app.kit.database import now
from app.kit.web import origin
from app.models import AuditEvent
from app.services import users
from tests import factories
from tests.databases import NEEDS_POSTGRESQL, NEEDS_SQLITE

ADDRESS = "203.0.113.7"


def newest():
    return db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()


# Recording


def test_an_action_that_has_no_words_is_refused(app):
    with pytest.raises(ValueError, match=r"user\.eaten"):
        audit.record("user.eaten", by=None)


def test_each_action_is_about_a_noun_that_has_words():
    assert {action.partition(".")[0] for action in audit.ACTIONS} == set(audit.NOUNS)


def test_an_event_knows_who_and_from_where(app, admin, make_user):
    """AD-5"""
    user = make_user()
    with app.test_request_context(headers={"X-Request-ID": "x" * 32}):
        origin.note(address=ADDRESS, device="Firefox")
        audit.record("user.suspended", by=admin, subject=user, changes={"a": (1, 2)}, reason="Why")
        db.session.commit()
        event = newest()
        assert (event.actor_id, event.actor_label) == (admin.id, admin.email)
        assert (event.subject_type, event.subject_id) == ("user", user.id)
        assert event.subject_label == user.email
        assert (event.address, event.device) == (ADDRESS, "Firefox")
        assert event.changes == {"a": [1, 2]}
        assert event.details == {"reason": "Why"}
        assert now() - event.at < timedelta(seconds=10)


def test_events_without_a_request_name_the_command_line(app):
    users.create_administrator(email="first@example.com", password="correct horse battery staple")
    event = newest()
    assert (event.action, event.actor_id, event.actor_label) == (
        "user.created",
        None,
        "command line",
    )
    assert event.subject_label == "first@example.com"


def test_an_action_that_is_rolled_back_leaves_no_event(app, admin):
    before = db.session.scalar(select(func.count(AuditEvent.id)))
    audit.record("user.suspended", by=admin)
    db.session.flush()
    db.session.rollback()
    assert db.session.scalar(select(func.count(AuditEvent.id))) == before


def test_a_long_text_is_cut(app, admin):
    audit.record("user.renamed", by=admin, changes={"name": (None, "x" * 90_007)})
    db.session.commit()
    before, after = newest().changes["name"]
    assert before is None
    assert len(after) < 5_100
    assert after.endswith("(90,007 characters)")


def test_each_event_is_a_line_of_the_log_that_names_nobody(app, admin, make_user, caplog):
    """AD-5: one line per event, which no name can forge, without any user's email."""
    role = factories.make_role("Role\r\n2026-01-01 ERROR [-] app: forged")
    caplog.set_level(logging.INFO, "app.audit")
    audit.record("user.role_changed", by=admin, subject=role)
    assert caplog.records == []
    db.session.commit()
    (record,) = [record for record in caplog.records if record.name == "app.audit"]
    line = record.getMessage()
    told = json.loads(line)
    assert told["action"] == "user.role_changed"
    assert told["actor"] == admin.id
    assert told["subject"] == ["role", role.id]
    assert "\n" not in line
    assert admin.email not in line

    caplog.clear()
    audit.record("user.role_changed", by=admin, subject=role)
    db.session.flush()
    db.session.rollback()
    db.session.commit()
    assert caplog.records == []


# Protection


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = 'user.created'",
        "DELETE FROM audit_events",
        "DELETE FROM audit_events WHERE id = -1",
        # Without CASCADE, the foreign keys of other tables refuse it first.
        "TRUNCATE audit_events CASCADE",
    ],
)
def test_the_database_itself_refuses_to_change_the_trail(app, add_event, statement):
    """AD-5: append-only, with plain SQL on both engines."""
    event_id = add_event()
    if db.engine.dialect.name == "sqlite":
        if statement.startswith("TRUNCATE"):
            pytest.skip(NEEDS_POSTGRESQL)  # SQLite has no TRUNCATE.
        statement = statement.replace("id = -1", f"id = {event_id}")
    with pytest.raises(DatabaseError, match="append-only"), db.session.begin_nested():
        db.session.execute(text(statement))
    assert db.session.get(AuditEvent, event_id) is not None


@pytest.mark.parametrize("how", ["REPLACE INTO", "INSERT OR REPLACE INTO", "INSERT INTO"])
def test_the_database_refuses_to_write_over_an_event(app, add_event, how):
    """AD-5: on SQLite, REPLACE asks no trigger on DELETE or UPDATE."""
    event_id = add_event()
    columns = [column.name for column in AuditEvent.__table__.columns]
    forged = ["'user.forged'" if name == "action" else name for name in columns]
    over = f"{', '.join(columns)}) SELECT {', '.join(forged)} FROM audit_events"  # noqa: S608 - made of names of columns
    statement = f"{how} audit_events ({over} WHERE id = {event_id}"
    if how == "INSERT INTO":
        statement += " ON CONFLICT (id) DO UPDATE SET action = excluded.action"
    elif db.engine.dialect.name != "sqlite":
        pytest.skip(NEEDS_SQLITE)  # PostgreSQL has no REPLACE.
    with pytest.raises(DatabaseError, match="append-only"), db.session.begin_nested():
        db.session.execute(text(statement))
    found = select(AuditEvent.action).where(AuditEvent.id == event_id)
    assert db.session.scalar(found) == "session.started"


def test_maintenance_opens_the_trail_until_it_ends(app, add_event):
    event_id = add_event()
    with maintenance():
        db.session.execute(delete(AuditEvent).where(AuditEvent.id == event_id))
    other = add_event()
    assert db.session.scalars(select(AuditMaintenance)).all() == []
    with pytest.raises(DatabaseError, match="append-only"), db.session.begin_nested():
        db.session.execute(delete(AuditEvent).where(AuditEvent.id == other))


def test_maintenance_that_fails_leaves_nothing_open(app, add_event):
    event_id = add_event()

    class Fault(Exception):
        pass

    def fail():
        db.session.execute(delete(AuditEvent).where(AuditEvent.id == event_id))
        raise Fault

    with pytest.raises(Fault), maintenance():
        fail()
    db.session.commit()
    assert db.session.scalars(select(AuditMaintenance)).all() == []
    assert db.session.get(AuditEvent, event_id) is not None


def test_events_are_forgotten_after_their_time(app, add_event, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setitem(app.config, "KEEP_AUDIT_EVENTS", 100)
    for age in range(109, 101, -1):
        add_event(at=now() - timedelta(days=age))
    kept = [add_event(at=now() - timedelta(days=99)), add_event()]
    with monkeypatch.context() as at_once:
        at_once.setattr(retention, "BUDGET", 0)
        assert retention.purge() == 0
    assert retention.purge() == 8
    assert list(db.session.scalars(select(AuditEvent.id).order_by(AuditEvent.id))) == kept
    assert retention.purge() == 0


def test_a_download_that_erasing_would_not_find_is_refused(app, admin):
    """AD-7"""
    with pytest.raises(ValueError, match="the verb of a download is exported or downloaded"):
        record_download("user.renamed", by=admin, search="ada@example.com")
    for details in ({"search": "ada"}, {"filter": {}}, {"filters": {}}):
        with pytest.raises(ValueError, match="name it under `searches`"):
            audit.record("user.renamed", by=admin, **details)


@pytest.mark.parametrize("locale", ["tr-TR-x-icu", "C", "und-x-icu"])
def test_searches_for_the_erased_are_found_whatever_the_locale(app, locale):
    """AD-7: a Turkish database used to keep a search for `Ada.TITIz@example.com`."""
    if is_sqlite():
        pytest.skip(NEEDS_POSTGRESQL)  # SQLite has no locale.
    written = collate(bindparam("text"), locale)
    found = select(retention._in_lower_case(written))
    text = '{"search": "Ada.TITIz@example.com \\u00C9"}'
    assert db.session.scalar(found, {"text": text}) == text.lower()
