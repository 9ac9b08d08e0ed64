"""The audit trail in the API."""

from sqlalchemy import select

from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, get, problem_of
from app.kit import audit
from app.models import AuditEvent, Permission

__all__ = ["admin_program"]

ACCESS = {
    "api.list_audit_events": Permission.VIEW_AUDIT,
    "api.get_audit_event": Permission.VIEW_AUDIT,
}


def recorded(**values):
    audit.record("user.renamed", by=None, **values)
    db.session.commit()
    return db.session.scalar(select(AuditEvent.id).order_by(AuditEvent.id.desc()))


CALLS = {
    "api.list_audit_events": get("/audit-events"),
    "api.get_audit_event": Call(lambda program: program.get(f"/audit-events/{recorded()}")),
}


def items(answer):
    assert answer.status_code == 200, answer.text
    return answer.json["items"]


def test_programs_search_and_filter_events(admin_program, make_user):
    grace = make_user(email="grace@example.com")
    event_id = recorded(subject=grace, changes={"first_name": ("Ada", "Grace")}, reason="wrong")
    for _ in range(3):
        recorded(subject=make_user())
    (event,) = items(admin_program.get("/audit-events?search=grace@example.com"))
    assert event["id"] == event_id
    assert event["at"].endswith("Z")
    assert (event["subject_type"], event["subject_id"]) == ("user", grace.id)
    assert event["changes"] == {"first_name": ["Ada", "Grace"]}
    assert event["details"] == {"reason": "wrong"}
    assert admin_program.get(f"/audit-events/{event_id}").json == event
    assert items(admin_program.get("/audit-events?action=session.started")) == []
    assert len(items(admin_program.get("/audit-events?action=user.renamed"))) == 4
    assert items(admin_program.get("/audit-events?to=2001-01-01")) == []


def test_programs_walk_the_trail_by_its_cursors(admin_program):
    ids = [recorded() for _ in range(5)]
    first = admin_program.get("/audit-events?limit=2&action=user.renamed")
    second = admin_program.get(first.json["next"].removeprefix("http://localhost"))
    walked = [event["id"] for event in items(first) + items(second)]
    assert walked == ids[:0:-1]
    back = admin_program.get(second.json["prev"].removeprefix("http://localhost"))
    assert items(back) == items(first)


def test_an_invalid_filter_is_named(admin_program):
    for query, name in (
        ("user=x", "user"),
        ("address=here", "address"),
        ("action=x", "action"),
        ("from=soon", "from"),
    ):
        answer = admin_program.get(f"/audit-events?{query}")
        assert problem_of(answer) == (422, "unprocessable-content")
        assert [one["parameter"] for one in answer.json["errors"]] == [name]
