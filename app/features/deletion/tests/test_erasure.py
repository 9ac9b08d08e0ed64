"""Take erased users out of the events of the audit trail."""

import json

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.deletion import erasure
from app.kit import audit
from app.kit.audit import retention
from app.kit.database import pauses
from app.models import AuditEvent, User

ADDRESS = "203.0.113.7"


def test_an_erased_user_is_named_by_a_number(app, admin, make_user, add_event):
    """AD-7"""
    user = make_user(email="ada@old.example", first_name="Ada", last_name="Lovelace")
    other = make_user(email="bob@example.com")
    own = {"actor_id": user.id, "address": ADDRESS, "device": "Firefox"}
    told = {"email": ["ada@first.example", "ada@old.example"], "role": ["User", "Editor"]}
    add_event("session.refused", actor_label="ada@old.example", address=ADDRESS, device="Firefox")
    add_event("session.started", actor_label="ada@first.example", **own)
    add_event(
        "user.email_changed",
        actor_id=admin.id,
        actor_label=admin.email,
        subject_type="user",
        subject_id=user.id,
        subject_label="ada@old.example",
        changes=told,
        details={"reason": "ADA@first.example asked, Ada Lovelace", "name": "Ada"},
        address="198.51.100.1",
    )
    add_event(
        "user.suspended",
        actor_label="ada@old.example",
        subject_type="user",
        subject_id=other.id,
        subject_label=other.email,
        **own,
    )
    untouched = add_event(
        "session.started", actor_id=other.id, actor_label=other.email, address="198.51.100.2"
    )
    erasure.anonymise([user.id])
    db.session.commit()

    name = f"deleted user #{user.id}"
    rows = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()[-5:]
    columns = AuditEvent.__table__.columns.keys()
    everything = json.dumps(
        [[str(getattr(row, one)) for one in columns] for row in rows[:4]]
    ).lower()
    assert "ada" not in everything
    assert ADDRESS not in everything
    refused, started, changed, suspended, last = rows
    assert (refused.actor_label, started.actor_label) == (name, name)
    assert changed.changes == {"email": [name, name], "role": ["User", "Editor"]}
    assert (changed.actor_label, changed.subject_label) == (admin.email, name)
    assert changed.address == "198.51.100.1"
    assert changed.details["name"] == name
    assert (suspended.actor_label, suspended.subject_label) == (name, other.email)
    assert last.id == untouched
    assert (last.actor_label, last.address) == (other.email, "198.51.100.2")


def test_a_person_with_many_events_is_taken_out_of_all(app, make_user, add_event, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    user = make_user()
    for _ in range(5):
        add_event(actor_id=user.id, actor_label=user.email)
        add_event(subject_type="user", subject_id=user.id, subject_label=user.email)
    erasure.anonymise([user.id])
    labels = select(AuditEvent.actor_label, AuditEvent.subject_label)
    assert user.email not in str(db.session.execute(labels).all())


def test_failed_attempts_with_a_former_email_are_anonymised(app, make_user, add_event):
    """AD-7: before or after the account had this email, unless another user has it now."""
    user, other = make_user(email="new@example.com"), make_user(email="old@example.com")
    tried = {"actor_label": "old@example.com", "address": ADDRESS}
    early = add_event("session.refused", **tried)
    of_other = add_event("session.refused", subject_type="user", subject_id=other.id, **tried)
    add_event(
        "user.email_changed",
        subject_type="user",
        subject_id=user.id,
        subject_label="new@example.com",
        changes={"email": ["old@example.com", "new@example.com"]},
    )
    erasure.anonymise([user.id])
    labels = dict(iter(db.session.execute(select(AuditEvent.id, AuditEvent.actor_label))))
    assert labels[early] == f"deleted user #{user.id}"
    assert labels[of_other] == "old@example.com"


def test_a_name_that_stands_in_a_text_twice_is_taken_out_twice(app, make_user, add_event):
    """AD-7: in any case, and without changing longer names that contain it."""
    user = make_user(email="ada@example.com", first_name="Ada", last_name="İnce")
    reason = (
        "Ada@example.com and ada@example.com: ADA İNCE, Ada İnce. "
        "Not canada@example.com, x.ada@example.com or ada@example.com.au"
    )
    event_id = add_event(
        subject_type="user", subject_id=user.id, details={"reason": reason, "list": [reason]}
    )
    erasure.anonymise([user.id])
    name = f"deleted user #{user.id}"
    cleaned = (
        f"{name} and {name}: {name}, {name}. "
        "Not canada@example.com, x.ada@example.com or ada@example.com.au"
    )
    details = db.session.get(AuditEvent, event_id, populate_existing=True).details
    assert details == {"reason": cleaned, "list": [cleaned]}


def test_erasing_replaces_only_the_search_in_events_of_exports(
    app, admin, make_user, add_event, monkeypatch
):
    monkeypatch.setattr(retention, "SEARCHING", ("user.exported",))
    user = make_user(email="ada@example.com", first_name="Active", last_name="")
    told = {"filter": {"status": "active", "search": "ada@example.com"}, "sort": "active"}
    event_id = add_event("user.exported", actor_id=admin.id, details=told)
    erasure.anonymise([user.id])
    told["filter"]["search"] = f"deleted user #{user.id}"
    assert db.session.get(AuditEvent, event_id, populate_existing=True).details == told


def test_a_download_of_own_events_forgets_its_search(app, admin, make_user, add_event, monkeypatch):
    """AD-7: the action needs no entry in the code that erases, and its search any name."""
    user = make_user(email="ada@example.com")
    for action in audit.ACTIONS:
        is_download = action.rpartition(".")[2] in audit.actions.DOWNLOADING
        assert action in audit.actions.SEARCHING or not is_download
    monkeypatch.setattr(retention, "SEARCHING", ("shop.downloaded",))
    told = {"q": "ada@example.com", "asked": {"by": ["x", "ADA@example.com"], "n": 5}}
    event_id = add_event("shop.downloaded", actor_id=admin.id, details=told)
    erasure.anonymise([user.id])
    db.session.commit()
    name = f"deleted user #{user.id}"
    row = db.session.get(AuditEvent, event_id)
    assert row.details == {"q": name, "asked": {"by": ["x", name], "n": 5}}


def test_events_of_mails_and_exports_do_not_name_who_is_erased(
    app, admin, make_user, add_event, monkeypatch
):
    """AD-7: mails are labelled with their recipient, and exports record their search."""
    user = make_user(email="ada@example.com", first_name="Ada", last_name="Löwe")
    other = make_user(email="bob@example.com")
    by = {"actor_id": admin.id, "actor_label": admin.email}
    mail = {"subject_type": "emailmessage", "subject_id": 7}
    searching = ("user.exported", "audit.exported", "bulk.confirmed")
    monkeypatch.setattr(retention, "SEARCHING", searching)
    resent = add_event("email.resent", **by, **mail, subject_label=user.email)
    not_theirs = add_event("email.resent", **by, **mail, subject_label=other.email)
    exports = [
        add_event("user.exported", **by, details={"filter": {"search": "ADA@example.com"}}),
        add_event("audit.exported", **by, details={"filters": {"search": "ada löwe"}}),
        add_event("bulk.confirmed", **by, details={"filter": {"search": "ada@example.com"}}),
    ]
    wider = add_event("user.exported", **by, details={"filter": {"search": "example.com"}})
    erasure.anonymise([user.id])

    name = f"deleted user #{user.id}"
    rows = {row.id: row for row in db.session.scalars(select(AuditEvent))}
    assert rows[resent].subject_label == name
    assert rows[resent].actor_label == admin.email
    assert rows[not_theirs].subject_label == other.email
    for event_id in exports:
        (filters,) = rows[event_id].details.values()
        assert filters == {"search": name}
    assert rows[wider].details == {"filter": {"search": "example.com"}}


@pytest.mark.parametrize("is_restored", [False, True])
def test_a_user_in_very_many_events_is_erased_from_them_batch_by_batch(
    app, make_user, add_event, monkeypatch, is_restored
):
    """F15: on SQLite, a transaction blocks other writers while it lasts."""
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)
    user = make_user()
    for number in range(9):
        label = "first@example.com" if number == 0 else user.email
        add_event(actor_id=user.id, actor_label=label)
    add_event("session.refused", actor_label="first@example.com")
    db.session.commit()
    parts, take_out = [], retention._anonymise_events
    monkeypatch.setattr(
        retention,
        "_anonymise_events",
        lambda ids, people: parts.append(len(ids)) or take_out(ids, people),
    )
    erasure.anonymise_most([user.id], User.id.is_(None) if is_restored else User.id == user.id)
    assert parts == ([] if is_restored else [2, 2, 2, 2])
    erasure.anonymise([user.id])
    assert sum(parts) == 9
    labels = db.session.scalars(select(AuditEvent.actor_label).order_by(AuditEvent.id.desc()))
    assert set(labels.fetchmany(10)) == {f"deleted user #{user.id}"}
