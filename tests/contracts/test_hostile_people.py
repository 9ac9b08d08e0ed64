"""Attacks on every page at once, so that one that is added later is attacked too."""

import io
import itertools
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features import bulk, imports
from app.features.imports.models import PeopleImport
from app.features.user_search import Filters
from app.kit import audit
from app.kit.database import now
from app.models import AuditEvent, EmailMessage, Permission, User, UserSession
from app.services import sessions
from tests.factories import make_role
from tests.support import PASSWORD

HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'
# A token in the address says who opens it.
OF_ONESELF = {"account.join_from_invite"}
# Mails, jobs, sessions and mailed links have tests of their own.
NOT_KNOWN = {"email_id", "job_id", "session_id", "token"}
NO_SESSION = {"main.healthz", "main.readyz"}
ALL_BUT_ADMINISTER = Permission.known() & ~0x80


@pytest.fixture
def above(make_user):
    """People who may do more than a manager, in every state that an account can be in."""
    states = (
        {},
        {"invited": True},
        {"suspended": True},
        {"confirmed": False},
        {"deleted_at": now()},
    )
    people = [make_user(role="Administrator", **state) for state in states]
    for user in people:
        sessions.start(user, remembered=False, address="192.0.2.1", device="Firefox")
    return people


@pytest.fixture
def manager(app, make_user):
    """A browser of someone who holds every permission but to administer."""
    user = make_user()
    user.role = make_role("Manager", permissions=ALL_BUT_ADMINISTER)
    browser = app.test_client()
    browser.enter(user)
    return browser, user


def upload(browser, text):
    token = browser.csrf_token("/admin/users/import")
    file = (io.BytesIO(text.encode()), "<img src=x onerror=alert(1)>.csv")
    answer = browser.post("/admin/users/import", data={"csrf_token": token, "file": file})
    assert answer.status_code == 302, answer.text
    return db.session.scalar(select(PeopleImport))


def what_is_stored_of(people):
    """Return all that the database has of these people but when they were last seen."""
    db.session.expire_all()
    ids = [user.id for user in people]
    rows = select(User.__table__).where(User.id.in_(ids)).order_by(User.id)
    theirs = select(UserSession.id).where(UserSession.user_id.in_(ids)).order_by(UserSession.id)
    mails = select(EmailMessage.id)
    return [db.session.execute(query).all() for query in (rows, theirs, mails)]


def test_no_form_about_a_person_reaches_anyone_above(app, manager, above):
    """AZ-2, AZ-4: whatever their account is like, and whatever is sent."""
    browser, user = manager
    token = browser.csrf_token("/admin/users/import")
    before = what_is_stored_of(above)
    asked = 0
    for rule in app.url_map.iter_rules():
        if "user_id" not in rule.arguments or "POST" not in rule.methods:
            continue
        if rule.endpoint in OF_ONESELF or rule.endpoint.startswith("dev."):
            continue
        for person in above:
            session = select(UserSession.id).where(UserSession.user_id == person.id).limit(1)
            path = str(rule).replace("<int:user_id>", str(person.id))
            path = path.replace("<int:session_id>", str(db.session.scalar(session)))
            assert "<" not in path, f"Say in {__file__} what {rule} is opened with."
            sent = {
                "csrf_token": token,
                "email": "taken-over@example.com",
                "role": str(user.role_id),
                "known": str(person.invite_message_id or ""),
                "seen": "{}",
                "password": PASSWORD,
            }
            assert browser.post(path, data=sent).status_code == 403, path
            asked += 1
    assert asked >= 15 * len(above)
    assert what_is_stored_of(above) == before


def test_nothing_done_to_many_reaches_anyone_above(manager, above):
    """AZ-2, AZ-4: by their numbers, by a filter, in whatever state."""
    browser, user = manager
    token = browser.csrf_token("/admin/users/import")
    before = what_is_stored_of(above)
    ids = [str(person.id) for person in above]
    actions = [name for name in bulk.ACTIONS if name != "change_role"]
    selections = ({"everyone": "1"}, {"everyone": "1", "status": "deleted"}, {"user_ids": ids})
    for action, chosen in itertools.product([*actions, f"change_role:{user.role_id}"], selections):
        sent = {"csrf_token": token, "action": action, **chosen}
        preview = browser.post("/admin/users/bulk", data=sent).location
        assert "/users/bulk/" in preview
        assert browser.post(preview, data={"csrf_token": token}).status_code in {200, 302}
    assert what_is_stored_of(above)[:2] == before[:2]


def test_no_import_reaches_anyone_above(manager, above):
    """AZ-2, AZ-4"""
    browser, user = manager
    before = what_is_stored_of(above)
    lines = [f"{person.email},Taken,{user.role.name}" for person in above]
    row = upload(browser, "Email,First name,Role\n" + "\n".join(lines))
    columns = {"email": 0, "first_name": 1, "role": 2}
    imports.choose(
        row,
        mapping=columns,
        has_header=True,
        mode="invite",
        update_existing=True,
        role_id=user.role_id,
        by=user,
    )
    token = browser.csrf_token("/admin/users/import")
    run = f"/admin/users/import/{row.id}/run?check={row.checks}&keep_good=1"
    assert browser.post(run, data={"csrf_token": token}).status_code == 302
    assert what_is_stored_of(above) == before


def test_hostile_names_run_nowhere(app, admin, make_user):
    """XS-2, XS-3, SE-9: in names, reasons, the trail, files and addresses, on every page."""
    role = make_role("<img src=x onerror=alert(1)>{{7*7}}")
    named = {"first_name": HOSTILE, "last_name": HOSTILE}
    people = [
        make_user(**named, suspended_reason=HOSTILE, suspended=True),
        make_user(**named, invited=True),
        make_user(**named, deleted_at=now()),
        make_user(**named),
    ]
    people[0].role = role
    operation = bulk.preview("suspend", by=admin, filters=Filters())
    audit.record("session.refused", by=None, by_label=HOSTILE, subject=people[0], reason=HOSTILE)
    audit.record("user.renamed", by=people[3], subject=admin, changes={HOSTILE: (HOSTILE, HOSTILE)})
    browser = app.test_client()
    browser.enter(admin)
    header = HOSTILE.replace('"', '""')
    row = upload(browser, f'Email,"{header}"\nx@example.com,"{header}"\nno address,"{header}"\n')
    imports.choose(
        row,
        mapping={"email": 0, "role": 1},
        has_header=True,
        mode="invite",
        update_existing=False,
        role_id=role.id,
        by=admin,
    )
    known = {
        "user_id": [person.id for person in people],
        "role_id": [role.id],
        "import_id": [row.id],
        "operation_id": [operation.id],
        "event_id": list(db.session.scalars(select(AuditEvent.id))),
    }
    query = quote(HOSTILE)
    paths = [f"/admin/{name}?search={query}&role={query}&sort={query}&action={query}&from={query}"
             for name in ("users", "audit", "invitations", "emails")]  # fmt: skip
    for rule in app.url_map.iter_rules():
        is_page = rule.endpoint.split(".")[0] not in {"static", "dev"}
        if is_page and rule.endpoint not in NO_SESSION and "GET" in rule.methods:
            names = sorted(rule.arguments)
            new = rule.arguments - known.keys() - NOT_KNOWN
            assert not new, (
                f"Say in `known` of {__file__} what {rule} is opened with: a hostile row."
            )
            for values in itertools.product(*(known.get(name, []) for name in names)):
                path = str(rule)
                for name, value in zip(names, values, strict=True):
                    path = path.replace(f"<int:{name}>", str(value))
                paths.append(path)
    told = 0
    for path in paths:
        page = browser.get(path)
        assert page.status_code < 500, path
        if page.status_code == 200:
            assert page.headers["Cache-Control"] == "no-store", path
        if page.mimetype == "text/html":
            assert "<img src=x" not in page.text, path
            assert "{{7*7}}" in page.text or ">49" not in page.text, path
            told += "onerror=alert(1)" in page.text
    assert told > 40
