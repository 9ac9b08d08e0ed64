"""Test the pages of the audit trail, and the activity page of a user."""

import csv
import io
import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.audit.services import finding
from app.kit import audit
from app.models import AuditEvent
from app.services import users
from tests import factories
from tests.support import PASSWORD, needs

HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}"


@pytest.fixture
def viewer(app, make_user):
    """A browser of a user who may view the audit trail and nothing else in the admin."""
    user = make_user(email="viewer@example.com")
    user.role = factories.make_role("Auditor", permissions=0x01 | 0x20)
    browser = app.test_client()
    browser.enter(user)
    return browser


@pytest.fixture
def suspended(admin, make_user):
    user = make_user(email="ada@example.com", first_name="Ada", last_name="Lovelace")
    users.suspend(user, by=admin, reason="Spam")
    return user


def shown(response):
    """Return the ids of the events in a list."""
    return [int(found) for found in re.findall(r'href="/admin/audit/(\d+)"', response.text)]


def newest(action=""):
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)
    return db.session.scalars(query.where(AuditEvent.action == action) if action else query).one()


def test_users_who_may_see_the_trail_find_it_in_the_menu(viewer):
    assert 'href="/admin/audit"' in viewer.get("/admin/").text


def test_events_are_listed_newest_first_with_who_what_and_where(viewer, suspended, admin):
    page = viewer.get("/admin/audit")
    event = newest("user.suspended")

    assert shown(page) == sorted(shown(page), reverse=True)
    assert event.id in shown(page)
    assert "Suspended the account" in page.text
    assert "ada@example.com" in page.text
    assert admin.email in page.text


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("", True),
        ("action=user.suspended", True),
        ("action=user", True),
        ("action=session", False),
        ("search=ada@example.com", True),
        ("search=lovelace", True),
        ("search=ad", True),
        ("search=admin@", True),
        ("search=nobody", False),
        ("search=%25", False),
        ("search=' OR 1=1 --", False),
        ("search=%00", True),
        ("user=999999", False),
        ("address=192.0.2.9", False),
        ("from=2020-01-01", True),
        ("to=2020-01-01", False),
        ("search=ada&action=user&from=2020-01-01", True),
    ],
)
def test_the_list_is_narrowed_by_its_address(viewer, suspended, query, is_found):
    page = viewer.get(f"/admin/audit?{query}")
    assert page.status_code == 200
    assert (newest("user.suspended").id in shown(page)) == is_found


@pytest.mark.parametrize(
    "query", ["action=nonsense", "user=x", "address=x", "from=x", "from=2026-02-02&to=2026-02-01"]
)
def test_an_invalid_filter_shows_everything_and_says_so(viewer, suspended, query):
    page = viewer.get(f"/admin/audit?{query}")
    assert newest("user.suspended").id in shown(page)
    assert 'class="message message-warning"' in page.text


@pytest.mark.parametrize("query", ["before=x", "before=-1", "after=" + "9" * 40, "before=٣"])
def test_an_invalid_cursor_is_passed_over_and_said_so(viewer, suspended, query):
    page = viewer.get(f"/admin/audit?{query}")
    assert newest("user.suspended").id in shown(page)
    assert "That page is not in this list, so the first one is shown." in page.text


def test_pages_lead_to_each_other_and_keep_the_filters(viewer, admin, suspended, monkeypatch):
    def page_of_two(*args, **values):
        return real(*args, **values | {"per_page": 2})

    real = finding.find
    for _ in range(2):
        users.reactivate(suspended, by=admin)
        users.suspend(suspended, by=admin)
    monkeypatch.setattr(finding, "find", page_of_two)
    path = f"/admin/audit?user={suspended.id}"
    seen = []
    while path:
        page = viewer.get(path)
        seen += shown(page)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = found and found.group(1).replace("&amp;", "&")
        assert not path or f"user={suspended.id}" in path
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5
    back = re.search(r'rel="prev" href="([^"]+)"', page.text).group(1).replace("&amp;", "&")
    assert shown(viewer.get(back)) == seen[2:4]


def test_an_event_tells_all_that_is_known(viewer, admin, make_user):
    user = make_user(email="ada@example.com")
    users.change_email(user, email="lovelace@example.com", by=admin)
    event = newest("user.email_changed")
    page = viewer.get(f"/admin/audit/{event.id}").text

    assert "Before" in page
    assert re.search(r'data-label="Before"[^>]*><span>ada@example.com', page)
    assert re.search(r'data-label="After"[^>]*><span>lovelace@example.com', page)
    assert f"user={admin.id}" in page
    assert "user.email_changed" in page
    # The page shows no link to a page that the viewer may not open.
    assert f"/admin/user/{user.id}" not in page
    assert viewer.get("/admin/audit/2147483647").status_code == 404


def test_names_of_users_are_escaped(viewer, admin):
    """XS-1"""
    audit.record(
        "session.refused",
        by=None,
        by_label=HOSTILE,
        kind="job",
        label=HOSTILE,
        changes={HOSTILE: (HOSTILE, [HOSTILE])},
        reason=HOSTILE,
    )
    db.session.commit()
    for path in ("/admin/audit", f"/admin/audit/{newest().id}"):
        page = viewer.get(path).text
        assert "<script>alert" not in page
        assert "{{ 7 * 7 }}" in page


def test_an_event_links_to_its_subject_while_it_exists(app, admin, make_user):
    browser = app.test_client()
    browser.enter(admin)
    user = make_user(email="ada@example.com")
    audit.record("user.renamed", by=admin, subject=user)
    db.session.commit()
    address = f"/admin/audit/{newest('user.renamed').id}"
    link = f'href="/admin/user/{user.id}"'

    assert link in browser.get(address).text
    db.session.delete(user)
    db.session.commit()
    page = browser.get(address).text
    assert link not in page
    assert "ada@example.com" in page


@needs("roles")
def test_the_export_has_what_the_list_shows_and_is_an_event_itself(viewer, admin, suspended):
    """XS-4: a cell that a spreadsheet would run as a formula is escaped."""
    audit.record("role.created", by=admin, kind="role", label="=HYPERLINK(1)", reason="+1")
    db.session.commit()
    latest = newest().id
    path = "/admin/audit/export.csv?action=role"
    answer = viewer.submit(path, form_at="/admin/audit?action=role")

    assert answer.mimetype == "text/csv"
    disposition = answer.headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="audit-trail-\d{4}-\d\d-\d\d\.csv"', disposition)
    (row,) = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert row["subject"] == "'=HYPERLINK(1)"
    assert row["what"] == "Created the role"
    assert (row["id"], row["actor"]) == (str(latest), admin.email)
    exported = newest("audit.exported")
    assert exported.id > latest
    assert exported.details == {"filters": {"action": "role"}}
    assert exported.actor_label == "viewer@example.com"


def test_an_export_asks_for_the_password_again_and_leads_back_to_the_list(
    viewer, suspended, app, monkeypatch
):
    """SE-8: like the export of users, it contains all emails."""
    path = "/admin/audit/export.csv?search=ada"
    monkeypatch.setitem(app.config, "REAUTHENTICATION_WINDOW", -1)
    answer = viewer.submit(path, form_at="/admin/audit")
    assert (answer.status_code, answer.mimetype) == (302, "text/html")
    assert "/account/reauthenticate" in answer.location
    monkeypatch.undo()
    back = viewer.get(path)
    assert (back.status_code, back.location) == (302, "/admin/audit?search=ada")
    assert newest().action == "user.suspended"


@needs("impersonation")
def test_the_trail_cannot_be_downloaded_during_an_impersonation(app, admin, make_user):
    """SE-8: pages that ask for a password are closed during an impersonation."""
    auditor = make_user()
    auditor.role = factories.make_role("Auditor", permissions=0x01 | 0x20)
    browser = app.test_client()
    browser.enter(admin)
    browser.submit(f"/admin/user/{auditor.id}/sign-in-as", {"password": PASSWORD})
    assert browser.get("/admin/audit").status_code == 200
    answer = browser.submit("/admin/audit/export.csv", form_at="/admin/audit")
    assert answer.status_code == 403


@needs("roles")
def test_an_export_is_made_of_as_many_parts_as_it_needs(viewer, admin, monkeypatch):
    monkeypatch.setattr(finding, "PART", 3)
    for _ in range(10):
        audit.record("role.created", by=admin)
    db.session.commit()
    answer = viewer.submit("/admin/audit/export.csv", form_at="/admin/audit")
    ids = [int(row["id"]) for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))]
    everything = select(AuditEvent.id).where(AuditEvent.action != "audit.exported")
    assert ids == list(db.session.scalars(everything.order_by(AuditEvent.id.desc())))


def test_looking_at_the_list_asks_the_database_little(app, viewer, suspended):
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    db.event.listen(db.engine, "before_cursor_execute", note)
    try:
        viewer.get("/admin/audit")
    finally:
        db.event.remove(db.engine, "before_cursor_execute", note)
    assert len([one for one in statements if "audit_events" in one]) <= 2


# The activity page


def test_everyone_sees_what_happened_to_their_own_account(app, make_user, admin):
    user, other = make_user(), make_user(email="other@example.com")
    browser = app.test_client()
    browser.submit("/account/login", {"email": user.email, "password": "not this one"})
    browser.sign_in(user.email)
    users.change_email(user, email="new@example.com", by=admin)
    users.suspend(other, by=admin)
    browser.sign_in("new@example.com")  # The change of email has ended the user's sessions.
    page = browser.get("/account/manage/activity").text

    assert "Someone tried to sign in and failed" in page
    assert "Signed in" in page
    assert "Changed the email address" in page
    assert "An administrator" in page
    # Users see neither the names of administrators nor the events of other users.
    assert admin.email not in page
    assert "Suspended" not in page
    assert 'href="/account/manage/activity"' in browser.get("/account/manage").text


def test_ones_own_activity_goes_back_page_by_page(app, make_user, add_event, monkeypatch):
    def page_of_two(*args, **values):
        return real(*args, **values | {"per_page": 2})

    real = finding.activity
    user = make_user()
    browser = app.test_client()
    browser.enter(user)
    for _ in range(5):
        add_event("session.started", subject_type="user", subject_id=user.id)
    monkeypatch.setattr(finding, "activity", page_of_two)
    path, seen = "/account/manage/activity", 0
    while path:
        page = browser.get(path).text
        seen += page.count("<strong>Signed in</strong>")
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found and found.group(1)
    assert seen == 5
    page = browser.get("/account/manage/activity?before=nonsense")
    assert page.status_code == 200
    assert "This page does not exist, so the first one is shown." in page.text
