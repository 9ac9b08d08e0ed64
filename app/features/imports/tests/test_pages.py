"""Test the pages that import users from CSV."""

import csv
import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, false, func, select

from app.extensions import db
from app.features.imports import PEOPLE, tasks
from app.features.imports.models import ImportChunk, ImportProblem, ImportResult, PeopleImport
from app.features.imports.services import deciding, people, writing
from app.features.imports.tests.access import MADE, NEW
from app.kit import imports, queue, slots
from app.kit.database import now, pauses
from app.kit.imports import checking, working
from app.kit.mail.email_message import EmailMessage
from app.kit.operations import lifecycle
from app.kit.queue import JobCancelled
from app.models import AuditEvent, Permission, Role, User, UserSession
from app.services import user_changes
from tests import factories
from tests.support import needs
from tests.test_bodies import as_chunks

PATH = "/admin/users/import"
HEADER = "Email,First name,Last name,Role\n"
MEGABYTE = 1024 * 1024
MULTIPART = "multipart/form-data; boundary=b"


@pytest.fixture
def manager(app, make_user):
    """A user who may manage users and nothing else."""
    user = make_user(email="manager@example.com")
    user.role = factories.make_role("Manager", permissions=0x01 | Permission.MANAGE_USERS)
    db.session.commit()
    return user


def upload(browser, data, name="people.csv"):
    """Upload a file. Werkzeug's client would leave a large body to the garbage collector."""
    body = multipart(data, browser.csrf_token(PATH), name)
    return browser.post(PATH, data=body, content_type=MULTIPART)


def multipart(data, token, name="people.csv"):
    parts = {'name="csrf_token"': token, f'name="file"; filename="{name}"': data}
    body = b""
    for disposition, content in parts.items():
        body += f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
        body += content.encode() if isinstance(content, str) else content
        body += b"\r\n"
    return body + b"--b--\r\n"


def newest():
    return db.session.scalar(select(PeopleImport).order_by(PeopleImport.id.desc()).limit(1))


def check(browser, data, *, mode=NEW, **fields):
    """Upload a file, accept the guessed columns, and return the checked import."""
    assert upload(browser, data).status_code == 302
    row = newest()
    names = {"email": "email", "first_name": "first_name", "last_name": "last_name"}
    chosen = {
        name: str(row.mapping.get(field, ""))
        for name, field in {**names, "role_column": "role"}.items()
    }
    user_role = db.session.scalar(select(Role.id).where(Role.name == "User"))
    form = {**chosen, "has_header": "y", "mode": mode, "role": str(user_role), **fields}
    response = browser.submit(f"{PATH}/{row.id}/columns", form)
    assert response.status_code == 302, response.text
    db.session.refresh(row)
    return row


def run(browser, row, *, keep_good=False):
    kept = "&keep_good=1" if keep_good else ""
    return browser.submit(f"{PATH}/{row.id}/run?check={row.checks}{kept}")


def person(email):
    return db.session.scalar(select(User).where(User.email == email))


def messages(row):
    query = select(ImportProblem).where(ImportProblem.import_id == row.id)
    found = db.session.scalars(query.order_by(ImportProblem.line, ImportProblem.id))
    return [(problem.line, problem.field, problem.message) for problem in found]


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def read_csv(response):
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    return list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"), newline="")))


# From upload to result


@needs("invitations")
def test_people_are_invited(browser, admin, outbox):
    row = check(browser, HEADER + "ada@Example.com,Ada,Lovelace,\nzoe@example.com,Zoë,,User\n")
    assert row.state == "checked"
    assert row.counts == {MADE: 2}
    assert count(User) == 1
    page = browser.get(f"{PATH}/{row.id}").text
    assert "To be invited" in page

    assert run(browser, row).status_code == 302
    db.session.refresh(row)
    assert (row.state, row.counts) == ("finished", {MADE: 2})
    ada = person("ada@example.com")
    assert (ada.first_name, ada.last_name, ada.role.name) == ("Ada", "Lovelace", "User")
    assert ada.status == ada.stored_status == "invited"
    assert ada.invited_by == admin
    assert ada.password_hash is None
    mails = outbox.deliver()
    assert [mail["To"] for mail in mails] == ["ada@example.com", "zoe@example.com"]
    assert "/join-from-invite/" in outbox.last_text()
    assert count(ImportChunk) == 0


@needs("invitations")
def test_people_are_created_without_a_password_and_without_mail(browser, outbox):
    """AD-3: they can be invited later, because they count as invited."""
    row = check(browser, HEADER + "ada@example.com,Ada,Lovelace,\n", mode="create")
    run(browser, row)
    ada = person("ada@example.com")
    assert ada.password_hash is None
    assert not ada.confirmed
    assert ada.is_invited
    assert outbox.deliver() == []
    browser.submit(f"/admin/user/{ada.id}/resend-invite", form_at="/account/manage")
    assert len(outbox.deliver()) == 1


def test_people_are_updated_by_their_address(browser, make_user, outbox):
    role = factories.make_role("Editor", permissions=1)
    ada = make_user(email="ada@example.com", first_name="A", last_name="Lovelace")
    same = make_user(email="same@example.com", first_name="S", last_name="Same")
    data = (
        HEADER + "ADA@example.com,Ada,,editor\nsame@example.com,S,Same,User\nnew@example.com,,,\n"
    )
    row = check(browser, data, mode="update")
    assert row.counts == {"updated": 1, "unchanged": 1, "problem": 1}
    assert messages(row) == [
        (4, "email", "No account has this email address, and this import only updates accounts.")
    ]
    run(browser, row, keep_good=True)
    db.session.refresh(ada)
    assert (ada.first_name, ada.last_name, ada.role) == ("Ada", "Lovelace", role)
    db.session.refresh(same)
    assert same.first_name == "S"
    assert person("new@example.com") is None
    assert [mail["To"] for mail in outbox.deliver()] == ["ada@example.com"]


def test_existing_users_are_not_updated_unless_asked(browser, make_user):
    ada = make_user(email="ada@example.com", first_name="A")
    data = HEADER + "ada@example.com,Ada,,\nnew@example.com,N,,\n"
    assert check(browser, data).counts == {"unchanged": 1, MADE: 1}
    row = check(browser, data, update_existing="y")
    assert row.counts == {"updated": 1, MADE: 1}
    run(browser, row)
    db.session.refresh(ada)
    assert ada.first_name == "Ada"


def test_every_action_is_in_the_audit_trail(browser, admin, make_user):
    make_user(email="ada@example.com", first_name="A", last_name="L")
    factories.make_role("Editor", permissions=1)
    row = check(
        browser, HEADER + "ada@example.com,Ada,L,Editor\nnew@example.com,N,,\n", update_existing="y"
    )
    run(browser, row)
    events = list(
        db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.action.startswith("user.") | AuditEvent.action.startswith("import."))
            .order_by(AuditEvent.id)
        )
    )
    events = [event for event in events if event.actor_id == admin.id]
    assert [event.action for event in events] == [
        "import.started",
        f"user.{MADE}",
        "user.renamed",
        "user.role_changed",
        "import.finished",
    ]
    invited, renamed, changed = events[1:4]
    assert (invited.subject_label, invited.details) == (
        "new@example.com",
        {"role": "User", "import": row.id},
    )
    assert renamed.changes == {"first_name": ["A", "Ada"]}
    assert changed.changes == {"role": ["User", "Editor"]}
    assert {event.address for event in events} == {"127.0.0.1"}
    assert len({event.request_id for event in events}) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_of_spreadsheets_can_be_imported(browser, encoding, delimiter):
    text = "E-Mail,Vorname,Nachname\nzoe@example.com,Zoë,Müller\n".replace(",", delimiter)
    row = check(browser, text.encode(encoding))
    assert row.counts == {MADE: 1}
    run(browser, row)
    assert person("zoe@example.com").full_name() == "Zoë Müller"


CZECH = "Email,Jméno,Příjmení\ncapek@example.com,Karel,Čapek\nnoc@example.com,Jiří,Šťastný\n"


def test_the_encoding_is_shown_and_can_be_chosen(browser):
    """A file in Windows-1250 was read as Windows-1252 without a notice."""
    data = CZECH.encode("cp852")
    upload(browser, data)
    row = newest()
    form = {"email": "0", "first_name": "1", "last_name": "2", "mode": "create", "has_header": "y"}
    form["role"] = str(row.role_id)
    page = f"{PATH}/{row.id}/columns"
    browser.submit(page, {**form, "encoding": "cp866"})
    db.session.refresh(row)
    assert (row.encoding, row.state, row.columns[1]) == ("cp866", "uploaded", "JmВno")
    assert "DOS 866 (Cyrillic)" in browser.get(page).text
    assert "Šťastný" not in browser.get(page).text

    response = browser.submit(page, {**form, "encoding": "cp852"}, follow_redirects=True)
    assert "The file is read as DOS 852 (Central Europe)." in response.text
    assert "Šťastný" in response.text
    assert re.search(r'<option[^>]*(selected[^>]*"cp852"|"cp852"[^>]*selected)', response.text)
    browser.submit(page, form)
    db.session.refresh(row)
    assert "in DOS 852 (Central Europe)" in browser.get(f"{PATH}/{row.id}").text
    run(browser, row)
    assert person("noc@example.com").full_name() == "Jiří Šťastný"


def test_a_check_in_another_encoding_can_no_longer_be_confirmed(browser):
    row = check(browser, CZECH.encode("cp1250"), mode="create")
    earlier = row.checks
    form = {"email": "0", "mode": "create", "role": str(row.role_id), "has_header": "y"}
    browser.submit(f"{PATH}/{row.id}/columns", {**form, "encoding": "cp1252"})
    browser.submit(f"{PATH}/{row.id}/run?check={earlier}")
    assert person("capek@example.com") is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-7", "", "rot13"])
def test_an_encoding_that_cannot_be_is_reported_beside_the_field(browser, encoding):
    """IN-1"""
    upload(browser, "Email\nadaa@example.com\n")
    row = newest()
    form = {"email": "0", "mode": "create", "role": str(row.role_id), "has_header": "y"}
    response = browser.submit(f"{PATH}/{row.id}/columns", {**form, "encoding": encoding})
    assert response.status_code == 200
    assert 'id="encoding-error"' in response.text
    db.session.refresh(row)
    assert (row.encoding, row.state) == ("utf-8", "uploaded")


def test_letters_that_show_the_encoding_are_shown_though_they_come_late(browser):
    lines = "".join(f"a{number}@example.com,Ada\n" for number in range(100))
    upload(browser, f"Email,Name\n{lines}zoe@example.com,Zoë\n".encode("cp1252"))
    page = browser.get(f"{PATH}/{newest().id}/columns").text
    assert "<td>Zoë</td>" in page
    assert "Windows-1252 (Western Europe)" in page


def test_one_bad_byte_in_utf_8_is_a_problem_of_its_line(browser):
    data = (HEADER + "zoe@example.com,Zoë,Müller,\njose@example.com,Jos").encode()
    row = check(browser, data + b"\xe9,N,\n")
    assert row.encoding == "utf-8"
    assert messages(row) == [
        (3, "first_name", "Some letters cannot be read in the chosen encoding.")
    ]


@needs("user_search")
def test_an_export_that_is_imported_untouched_changes_nobody(browser, make_user):
    """XS-4: such an import changed names, and invited '+ann@example.org."""
    make_user(email="+ann@example.org", first_name="-Bo", last_name="=Ann")
    make_user(email="hooft@example.org", first_name="'t", last_name="'t Hooft")
    make_user(email="x@example.org", first_name="'-x", last_name="a;=b;'=c; ''@d")
    db.session.add(Role(name="-Night shift", permissions=1))
    db.session.commit()
    make_user(email="'-y@example.org", first_name="Y", last_name="Z", role="-Night shift")
    exported = browser.get("/admin/users/export.csv").data
    assert b"'-Night shift" in exported
    row = check(browser, exported, update_existing="y")
    assert messages(row) == []
    assert row.counts == {"unchanged": count(User)}


def test_columns_can_be_chosen_and_the_header_be_none(browser):
    data = "Lovelace,Ada,ada@example.com\nHopper,Grace,grace@example.com\n"
    upload(browser, data)
    row = newest()
    assert not row.has_header
    form = {"email": "2", "first_name": "1", "last_name": "0", "mode": NEW}
    form["role"] = str(row.role_id)
    browser.submit(f"{PATH}/{row.id}/columns", form)
    db.session.refresh(row)
    assert row.counts == {MADE: 2}
    browser.submit(f"{PATH}/{row.id}/columns", {**form, "has_header": "y"})
    db.session.refresh(row)
    assert (row.counts, row.lines, row.columns[1]) == ({MADE: 1}, 1, "Ada")
    run(browser, row)
    assert person("grace@example.com").full_name() == "Grace Hopper"


@pytest.mark.parametrize(
    "wrong", [{"email": ""}, {"email": "1", "first_name": "1"}, {"email": "9"}, {"email": "x"}]
)
def test_invalid_columns_are_reported_beside_the_field(browser, wrong):
    """IN-1"""
    upload(browser, HEADER + "ada@example.com,Ada,L,\n")
    row = newest()
    form = {"email": "0", "mode": NEW, "role": str(row.role_id), "has_header": "y", **wrong}
    response = browser.submit(f"{PATH}/{row.id}/columns", form)
    assert response.status_code == 200
    assert 'id="email-error"' in response.text
    assert newest().state == "uploaded"


# The check


def test_every_problem_is_listed_with_its_line(browser, make_user):
    make_user(email="gone@example.com", deleted_at=now())
    data = HEADER + (
        "not-an-address,A,B,\n"
        ",A,B,\n"
        "dup@example.com,A,B,\n"
        "DUP@Example.COM,A,B,\n"
        "gone@example.com,A,B,\n"
        "wizard@example.com,A,B,Wizard\n"
        f"long@example.com,{'x' * 65},{'y' * 65},\n"
        'break@example.com,"two\nlines",B,\n'
        "mıke@example.com,A,B,\n"
        "cells@example.com,A,B,,more\n"
        '"q@example.com" x,A,B,\n'
    )
    row = check(browser, data)
    assert row.counts == {"problem": 10, MADE: 1}
    found = messages(row)
    assert [(line, field) for line, field, _ in found] == [
        (2, "email"),
        (3, "email"),
        (5, "email"),
        (6, "email"),
        (7, "role"),
        (8, "first_name"),
        (8, "last_name"),
        (9, "first_name"),
        (11, "email"),
        (12, ""),
        (13, ""),
    ]
    assert "Line 4 has the same address" in found[2][2]
    page = browser.get(f"{PATH}/{row.id}").text
    assert "There is no role of this name." in page
    assert count(User) == 2
    assert count(EmailMessage) == 0


def test_a_line_with_a_problem_keeps_all_from_being_imported_unless_it_is_left_out(browser):
    row = check(browser, HEADER + "ada@example.com,A,B,\nnobody,A,B,\n")
    run(browser, row)
    assert person("ada@example.com") is None
    assert newest().state == "checked"
    run(browser, row, keep_good=True)
    assert person("ada@example.com")
    assert newest().counts == {MADE: 1, "problem": 1}
    assert len(messages(row)) == 1


def test_a_problem_that_comes_up_after_the_check_keeps_all_from_being_imported(browser, make_user):
    row = check(browser, HEADER + "ada@example.com,A,B,\nbob@example.com,A,B,\n")
    make_user(email="bob@example.com", deleted_at=now())
    run(browser, row)
    row = newest()
    assert person("ada@example.com") is None
    assert (row.state, row.started_at) == ("checked", None)
    assert "Nothing was imported" in browser.get(f"{PATH}/{row.id}").text


def test_the_problems_can_be_taken_away_as_a_file_that_runs_no_formulas(browser):
    """XS-4"""
    row = check(browser, HEADER + '=HYPERLINK(1),A,B,\n"+1,a",A,B,\n')
    lines = read_csv(browser.get(f"{PATH}/{row.id}/problems.csv"))
    assert lines[0] == ["Line", "Column", "Cell", "Problem"]
    assert [line[:3] for line in lines[1:]] == [
        ["2", "Email", "'=HYPERLINK(1)"],
        ["3", "Email", "'+1,a"],
    ]


def test_the_outcome_of_each_line_can_be_downloaded(browser, make_user):
    make_user(email="here@example.com")
    row = check(browser, HEADER + "ada@example.com,A,,\nhere@example.com,,,\nx,,,\n")
    run(browser, row, keep_good=True)
    page = browser.get(f"{PATH}/{row.id}").text.split("<main")[1]
    assert ("/admin/invitations" in page) is (NEW == "invite")
    lines = read_csv(browser.get(f"{PATH}/{row.id}/results.csv"))
    assert [line[:3] for line in lines[1:]] == [
        ["2", "ada@example.com", "Invited" if NEW == "invite" else "Account created"],
        ["3", "here@example.com", "Left as they are"],
        ["4", "x", "Not imported"],
    ]


def test_only_so_many_problems_are_listed_and_the_rest_counted(browser, monkeypatch):
    monkeypatch.setattr(checking, "MOST_PROBLEMS", 3)
    row = check(browser, HEADER + "x,,,\n" * 10)
    assert row.problems == 10
    assert len(messages(row)) == 3


def test_the_sample_file_can_be_imported(browser):
    sample = browser.get(f"{PATH}/sample.csv")
    assert len(read_csv(sample)) == 3
    assert check(browser, sample.data).counts == {MADE: 2}


def test_names_from_the_file_are_shown_as_they_are(browser):
    """XS-2, XS-3"""
    hostile = "<script>alert(1)</script>{{ 7*7 }}"
    upload(browser, f"Email,{hostile}\nx@example.com,{hostile}\n", name=f"../../{hostile}.csv")
    row = newest()
    assert ".." not in row.file_name
    for path in (PATH, f"{PATH}/{row.id}/columns"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "{{ 7*7 }}" in page or path == PATH
    row = check(browser, f"Email,Role\nx@example.com,{hostile}\n")
    assert "<script>alert" not in browser.get(f"{PATH}/{row.id}").text


# Permissions


def test_an_import_assigns_no_permissions_that_the_importer_lacks(app, manager, make_user):
    """AZ-1: it assigns no role above the importer, and changes no user above the importer."""
    boss = make_user(role="Administrator", email="boss@example.com", first_name="B")
    browser = app.test_client()
    browser.enter(manager)
    data = HEADER + (
        "new@example.com,A,,Administrator\n"
        "boss@example.com,X,,\n"
        "manager@example.com,Me,,\n"
        "ok@example.com,,,User\n"
    )
    row = check(browser, data, update_existing="y")
    assert [(line, field) for line, field, _ in messages(row)] == [(2, "role"), (3, "email")]
    run(browser, row, keep_good=True)
    assert person("new@example.com") is None
    db.session.refresh(boss)
    assert boss.first_name == "B"
    assert person("ok@example.com")


def test_nobody_changes_their_own_role_by_import(browser, admin):
    """AD-2"""
    row = check(browser, HEADER + f"{admin.email},New,Name,User\n", mode="update")
    assert messages(row) == [(2, "role", "You cannot change your own role.")]
    row = check(browser, HEADER + f"{admin.email},New,Name,\n", mode="update")
    run(browser, row)
    db.session.refresh(admin)
    assert (admin.first_name, admin.is_admin()) == ("New", True)


def test_a_condition_of_a_change_of_role_holds_for_imports(browser, make_user, monkeypatch):
    """A rule is written once: a condition that skips a user on the page does so in an import."""
    factories.make_role("Other", permissions=0x01)
    make_user(email="confirmed@example.com")
    make_user(email="unconfirmed@example.com", confirmed=False)
    monkeypatch.setitem(
        user_changes.CHANGE_ROLE.unless, "is_confirmed", lambda user, _given: user.confirmed
    )
    data = HEADER + "confirmed@example.com,,,Other\nunconfirmed@example.com,,,Other\n"
    row = check(browser, data, mode="update")
    assert messages(row) == [(2, "role", deciding.NO_CHANGE)]
    assert row.counts == {"updated": 1, "problem": 1}


def test_the_last_administrator_stays_one(app, make_user, manager, monkeypatch):
    """AD-1: the demotions are on several lines, and the importer is not among them."""
    manager.role.permissions = 0xFF ^ 0x80
    one = make_user(role="Administrator", email="one@example.com")
    other = make_user(role="Administrator", email="other@example.com")
    power = factories.make_role("Power", permissions=0xFF)
    manager.role = power
    manager.confirmed = True
    db.session.commit()
    browser = app.test_client()
    browser.enter(manager)
    data = HEADER + "one@example.com,,,User\nother@example.com,,,User\n"
    row = check(browser, data, mode="update")
    assert row.counts == {"updated": 2}
    run(browser, row)
    assert not person("one@example.com").is_admin()

    # The importer does not count as an administrator without a way to sign in.
    one.role = other.role = db.session.scalar(select(Role).where(Role.name == "Administrator"))
    manager.password_hash = None
    monkeypatch.setattr(slots, "has_sign_in_method", lambda _user_id: false())
    db.session.commit()
    row = check(browser, data, mode="update")
    assert row.counts == {"updated": 1, "problem": 1}
    run(browser, row, keep_good=True)
    left = [email for email in ("one@example.com", "other@example.com") if person(email).is_admin()]
    assert left == ["other@example.com"]


def test_an_importer_who_lost_the_permission_imports_nothing_more(app, manager, monkeypatch):
    """AZ-1"""
    browser = app.test_client()
    browser.enter(manager)
    monkeypatch.setattr("app.kit.operations.lifecycle.AT_ONCE", 1)
    row = check(browser, HEADER + "a@example.com,,,\nb@example.com,,,\n")
    tasks.import_people(row.id)
    run(browser, newest())
    manager.role = db.session.scalar(select(Role).where(Role.name == "User"))
    db.session.commit()
    tasks.import_people(row.id)
    db.session.refresh(row)
    assert row.state == "failed"
    assert "no longer manage people" in row.failure
    assert person("a@example.com") is None


@needs("invitations")
def test_nobody_is_invited_where_invitations_are_closed(browser, app, monkeypatch):
    data = HEADER + "a@example.com,,,\n"
    row = check(browser, data)
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    run(browser, row)
    assert (newest().state, person("a@example.com")) == ("failed", None)
    upload(browser, data)
    page = browser.get(f"{PATH}/{newest().id}/columns").text
    assert 'value="invite"' not in page
    assert newest().mode == "create"


def test_the_run_asks_for_the_password_when_it_was_given_long_ago(browser, admin):
    row = check(browser, HEADER + "a@example.com,,,\n")
    for session in db.session.scalars(select(UserSession)):
        session.authenticated_at = now() - timedelta(hours=2)
    db.session.commit()
    response = browser.submit(f"{PATH}/{row.id}/run?check={row.checks}", form_at="/account/manage")
    assert response.status_code == 302
    assert "/account/reauthenticate" in response.location
    assert person("a@example.com") is None
    for file in ("problems.csv", "results.csv"):
        response = browser.get(f"{PATH}/{row.id}/{file}")
        assert "/account/reauthenticate" in response.location, file


# Repeated, stale and stopped imports


def test_a_run_that_is_posted_twice_runs_once(browser):
    """IN-6"""
    row = check(browser, HEADER + "a@example.com,,,\n")
    path = f"{PATH}/{row.id}/run?check={row.checks}"
    token = browser.csrf_token(path)
    for _ in range(3):
        assert browser.post(path, data={"csrf_token": token}).status_code == 302
    assert count(EmailMessage) == int(NEW == "invite")
    assert count(ImportResult) == 1


def test_a_confirmation_of_an_earlier_check_imports_nothing(browser):
    row = check(browser, HEADER + "a@example.com,,,\n")
    path = f"{PATH}/{row.id}/run?check={row.checks}"
    token = browser.csrf_token(path)
    form = {"email": "0", "mode": "create", "role": str(row.role_id), "has_header": "y"}
    browser.submit(f"{PATH}/{row.id}/columns", form)
    response = browser.post(path, data={"csrf_token": token}, follow_redirects=True)
    assert "The import has changed" in response.text
    assert person("a@example.com") is None


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30])
def test_a_check_that_cannot_be_imports_nothing(browser, number):
    """IN-1"""
    row = check(browser, HEADER + "a@example.com,,,\n")
    response = browser.submit(f"{PATH}/{row.id}/run?check={number}", form_at="/account/manage")
    assert response.status_code == 302
    assert person("a@example.com") is None


@pytest.fixture
def long_import(browser, monkeypatch):
    """An import of 30 users in batches of 10, for a worker to check and run."""
    monkeypatch.setattr("app.kit.operations.lifecycle.AT_ONCE", 5)
    monkeypatch.setattr("app.kit.imports.lines.BATCH", 10)
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)
    data = HEADER + "".join(f"p{number}@example.com,P,{number},\n" for number in range(30))
    row = check(browser, data)
    assert row.state == "checking"
    return row


def test_a_long_file_is_checked_and_imported_by_the_worker(browser, long_import):
    row = long_import
    assert "Import the file in parts" in browser.get(f"{PATH}/{row.id}").text
    assert tasks.import_people(row.id) == {MADE: 30}
    db.session.refresh(row)
    assert (row.state, row.position) == ("checked", 0)
    run(browser, row)
    db.session.refresh(row)
    assert (row.state, count(User)) == ("running", 1)
    tasks.import_people(row.id)
    db.session.refresh(row)
    assert (row.state, row.position, row.counts) == ("finished", 30, {MADE: 30})
    assert count(User) == 31


class Killed(BaseException):
    """An error that no handler catches, like the death of the process."""


def test_an_import_whose_worker_died_is_not_said_to_go_on(browser, long_import):
    row = long_import
    tasks.import_people(row.id)
    run(browser, newest(), keep_good=True)
    row = newest()
    row.position, row.job_id, row.moved_at = 10, "1", now()
    db.session.commit()
    page = browser.get(f"{PATH}/{row.id}").text
    assert "The import continues" in page
    row.moved_at = now() - timedelta(minutes=5)
    db.session.commit()
    page = browser.get(f"{PATH}/{row.id}").text
    assert "Nothing has happened for a while" in page
    assert "The import continues" not in page


@pytest.mark.parametrize("moment", ["claimed", "inserted", "noted", "committed"])
def test_an_import_that_is_killed_goes_on_and_does_nothing_twice(
    browser, long_import, monkeypatch, moment
):
    row = long_import
    tasks.import_people(row.id)
    run(browser, newest(), keep_good=True)
    targets = {
        "claimed": (people, "Rules"),
        "inserted": (writing, "_event_of_new"),
        "noted": (working, "_lines_of"),
        "committed": (working, "report"),
    }
    owner, name = targets[moment]
    real, calls = getattr(owner, name), 0

    def dies(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == (15 if moment == "inserted" else 2):
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, dies)
    with pytest.raises(Killed):
        tasks.import_people(row.id)
    db.session.rollback()
    done = 20 if moment == "committed" else 10
    assert count(User) == 1 + done
    assert newest().position == done
    monkeypatch.setattr(owner, name, real)
    tasks.import_people(row.id)
    tasks.import_people(row.id)
    row = newest()
    assert (row.state, row.counts) == ("finished", {MADE: 30})
    assert count(User) == 31
    assert count(EmailMessage) == (30 if NEW == "invite" else 0)
    invited = select(func.count()).where(AuditEvent.action == f"user.{MADE}")
    assert db.session.scalar(invited) == 30
    lines = [line for result in db.session.scalars(select(ImportResult)) for line in result.lines]
    assert sorted(line[0] for line in lines) == list(range(2, 32))


@pytest.mark.parametrize("step", ["check_lines", "_forget_check"])
def test_the_slower_of_two_workers_leaves_an_import_to_the_other(
    browser, long_import, monkeypatch, step
):
    """The first worker sees no finished line; then the second finishes some lines and dies."""
    row = long_import
    tasks.import_people(row.id)
    run(browser, newest())
    real, report, calls = getattr(working, step), working.report, []

    def dies(*args):
        report(*args)
        raise Killed

    def overtaken(*args):
        calls.append(step)
        if len(calls) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(working, "report", dies)
                with pytest.raises(Killed):
                    working.work(PeopleImport, row.id)
            db.session.rollback()
            assert newest().position == 10
        return real(*args)

    monkeypatch.setattr(working, step, overtaken)
    working.work(PeopleImport, row.id)
    assert (newest().position, newest().state) == (10, "running")
    monkeypatch.setattr(working, step, real)
    working.work(PeopleImport, row.id)
    row = newest()
    assert (row.state, row.counts) == ("finished", {MADE: 30})
    lines = [line for result in db.session.scalars(select(ImportResult)) for line in result.lines]
    assert sorted(line[0] for line in lines) == list(range(2, 32))


def test_the_slower_of_two_workers_leaves_a_check_to_the_other(
    browser, make_user, long_import, monkeypatch
):
    row = long_import
    real, calls = checking.report, []
    # Each batch has a problem, so a problem that is listed twice shows.
    for number in (1, 11, 21):
        make_user(email=f"p{number}@example.com", deleted_at=now())

    def overtaken(done, *args):
        calls.append(done)
        if len(calls) == 1:
            with pytest.raises(Killed):
                working.work(PeopleImport, row.id)
            db.session.rollback()
        elif len(calls) == 3:
            raise Killed
        real(done, *args)

    monkeypatch.setattr(checking, "report", overtaken)
    working.work(PeopleImport, row.id)
    assert (calls, newest().state) == ([10, 10, 20], "checking")
    working.work(PeopleImport, row.id)
    assert [line for line, *_ in messages(row)] == [3, 13, 23]
    assert newest().counts == {MADE: 27, "problem": 3}
    assert newest().state == "checked"


def test_an_import_stops_when_asked_and_goes_on_from_there(browser, long_import, monkeypatch):
    row = long_import
    tasks.import_people(row.id)
    run(browser, newest(), keep_good=True)

    def cancelled(done, of, text):
        if done == 10:
            raise JobCancelled

    with monkeypatch.context() as patch:
        patch.setattr(queue, "report_progress", cancelled)
        with pytest.raises(JobCancelled):
            tasks.import_people(row.id)
    row = newest()
    assert (row.state, row.position, count(User)) == ("cancelled", 10, 11)
    assert "It can go on from there" in browser.get(f"{PATH}/{row.id}").text
    # Another release may have used another batch size.
    monkeypatch.setattr("app.kit.imports.lines.BATCH", 7)
    browser.submit(f"{PATH}/{row.id}/go-on")
    tasks.import_people(row.id)
    row = newest()
    assert (row.state, row.position, row.counts) == ("finished", 30, {MADE: 30})
    assert count(User) == 31


def test_stopping_on_the_page_ends_the_run_after_the_lines_at_hand(
    browser, long_import, monkeypatch
):
    row = long_import
    tasks.import_people(row.id)
    run(browser, newest(), keep_good=True)
    real = working.report

    def pressed(done, of, text):
        real(done, of, text)
        if done == 10:
            browser.submit(f"{PATH}/{row.id}/cancel", form_at="/account/manage")

    monkeypatch.setattr(working, "report", pressed)
    tasks.import_people(row.id)
    assert (newest().state, count(User)) == ("cancelled", 11)


def test_an_address_that_someone_takes_meanwhile_is_a_problem_of_its_line(
    browser, make_user, monkeypatch
):
    """IN-5: the unique index decides the race."""
    row = check(browser, HEADER + "a@example.com,,,\nb@example.com,,,\n")
    real = deciding.find

    def quicker(rows, **options):
        found = real(rows, **options)
        make_user(email="b@example.com")
        return found

    def run_it(keep_good):
        with monkeypatch.context() as patch:
            patch.setattr(deciding, "find", quicker)
            run(browser, newest(), keep_good=keep_good)

    row = check(browser, HEADER + "a@example.com,,,\nx,,,\nb@example.com,,,\n")
    run_it(keep_good=True)
    row = newest()
    assert row.counts == {MADE: 1, "problem": 2}
    assert (4, "email", "Another account got this email address during the import.") in messages(
        row
    )


def test_an_import_can_be_deleted_and_the_people_stay(browser):
    row = check(browser, HEADER + "a@example.com,,,\nx,,,\n")
    run(browser, row, keep_good=True)
    path = f"{PATH}/{row.id}"
    browser.submit(f"{path}/delete")
    assert [count(model) for model in (PeopleImport, ImportProblem, ImportResult)] == [0, 0, 0]
    assert person("a@example.com")
    assert browser.get(path).status_code == 404


def test_old_imports_are_deleted_at_night(browser):
    row = check(browser, HEADER + "a@example.com,,,\n")
    assert tasks.purge() == 0
    row.moved_at = now() - timedelta(days=15)
    db.session.commit()
    assert tasks.purge() == 1
    assert count(ImportChunk) == 0


def test_the_nightly_clean_up_deletes_files_that_were_only_uploaded(browser):
    upload(browser, HEADER + "a@example.com,,,\n")
    newest().created_at = now() - timedelta(days=15)
    db.session.commit()
    assert tasks.purge() == 1
    assert count(ImportChunk) == 0


def test_only_the_latest_unfinished_files_are_kept(browser, make_user):
    another = make_user(role="Administrator")
    theirs = imports.upload(
        PEOPLE, io.BytesIO(b"Email\na@example.com\n"), name="x.csv", by=another
    ).id
    done = check(browser, HEADER + "a@example.com,,,\n")
    run(browser, done)
    ids = [check(browser, HEADER + f"b{n}@example.com,,,\n").id for n in range(4)]
    for _ in range(3):
        upload(browser, HEADER + "c@example.com,,,\n")
        ids.append(newest().id)

    kept = db.session.scalars(select(PeopleImport.id).order_by(PeopleImport.id)).all()
    assert kept == [theirs, done.id, *ids[-imports.MOST_UNFINISHED :]]
    assert count(ImportChunk) == 1 + imports.MOST_UNFINISHED
    assert browser.get(f"{PATH}/{ids[0]}").status_code == 404


def test_another_upload_does_not_delete_an_import_that_has_begun(browser):
    for number in range(imports.MOST_UNFINISHED):
        row = check(browser, HEADER + f"b{number}@example.com,,,\n")
        row.state, row.started_at = "cancelled", now()
        db.session.commit()
    response = upload(browser, HEADER + "c@example.com,,,\n")

    assert response.status_code == 200
    assert f"{imports.MOST_UNFINISHED} imports that you have begun" in response.text
    assert count(PeopleImport) == imports.MOST_UNFINISHED
    row = newest()
    row.started_at = None
    db.session.commit()
    assert upload(browser, HEADER + "c@example.com,,,\n").status_code == 302
    assert count(PeopleImport) == imports.MOST_UNFINISHED


@pytest.mark.parametrize("action", ["columns", "run", "go-on", "cancel", "delete"])
def test_an_import_deleted_during_a_request_is_reported_as_gone(browser, action, monkeypatch):
    """IN-6: this happens with two tabs, or with one upload too many."""
    row = check(browser, HEADER + "a@example.com,,,\n")
    fields = {"email": "0", "has_header": "y", "mode": "create", "role": str(row.role_id)}
    path = f"{PATH}/{row.id}/{action}{'?check=' + str(row.checks) if action == 'run' else ''}"
    lock = lifecycle.lock

    def too_late(row, *states, **owner):
        db.session.execute(delete(PeopleImport).execution_options(synchronize_session=False))
        db.session.commit()
        lock(row, *states, **owner)

    monkeypatch.setattr(lifecycle, "lock", too_late)

    response = browser.submit(
        path, fields if action == "columns" else {}, form_at="/account/manage"
    )
    assert response.status_code == 409


def test_a_finished_import_cannot_be_checked_or_run_again(browser):
    row = check(browser, HEADER + "a@example.com,,,\n")
    path = f"{PATH}/{row.id}/run?check={row.checks}"
    run(browser, row)
    for post in (
        path,
        f"{PATH}/{row.id}/columns",
        f"{PATH}/{row.id}/cancel",
        f"{PATH}/{row.id}/go-on",
    ):
        response = browser.submit(post, form_at="/account/manage")
        assert response.status_code in {200, 302}, post
    assert newest().state == "finished"
    assert count(EmailMessage) == int(NEW == "invite")


# Files that are too large, or not a list of users


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty"),
        (b"PK\x03\x04xxxx", "Save or export it as CSV"),
        (b"Email,Name,email\na@example.com,A,b\n", "Two columns are called"),
        (b"Email\n" + b"x" * 10_000_000, "more than 100,000 characters"),
        (b"\x00\x01\x02" * 1000, "not a text file"),
        (b"Name\nAda\n", "None of the columns holds email addresses"),
    ],
)
def test_a_refused_file_is_explained_beside_the_field(browser, data, said):
    """FI-1"""
    response = upload(browser, data)
    assert response.status_code == 200
    assert said in response.text
    assert count(PeopleImport) == 0


def test_a_form_without_a_file_says_so(browser):
    response = browser.submit(PATH, {})
    assert "Choose a file." in response.text
    response = browser.submit(PATH, {"file": "text"})
    assert "Choose a file." in response.text


def test_a_file_larger_than_other_requests_may_be_is_taken(browser):
    line = "someone-with-a-long-address-{}@example.com,Ada,Lovelace,\n"
    data = HEADER + "".join(line.format(number) for number in range(40_000))
    assert len(data) > 2 * MEGABYTE
    assert upload(browser, data).status_code == 302
    assert newest().lines == 40_000
    assert count(ImportChunk) == -(-len(data) // (512 * 1024))


def test_a_file_above_the_limit_is_refused(browser, app, monkeypatch):
    """IN-3, FI-1"""
    monkeypatch.setitem(app.config, "IMPORT_MAX_MEGABYTES", 1)
    line = b"someone-with-a-long-address@example.com,Ada,Lovelace,\n"
    little_more = HEADER.encode() + line * (MEGABYTE // len(line) + 10)
    response = upload(browser, little_more)
    assert response.status_code == 200
    assert "larger than 1 MB" in response.text
    assert upload(browser, little_more * 2).status_code == 413
    assert count(PeopleImport) == 0


def test_ten_gigabytes_are_refused_by_their_length_alone(browser):
    """IN-3: nothing of the body is read."""

    class Untouched(io.RawIOBase):
        def read(self, size=-1):
            raise AssertionError("read")

    environ = {
        "CONTENT_LENGTH": str(10 * 1024**3),
        "CONTENT_TYPE": MULTIPART,
        "wsgi.input": Untouched(),
    }
    assert browser.post(PATH, environ_overrides=environ).status_code == 413


def test_endless_chunks_are_refused_without_filling_memory(browser, app, monkeypatch):
    """IN-3"""
    monkeypatch.setitem(app.config, "IMPORT_MAX_MEGABYTES", 3)

    class Endless(io.RawIOBase):
        taken = largest = 0

        def read(self, size=-1):
            assert size > 0
            self.taken += size
            self.largest = max(self.largest, size)
            return b"x" * size

    stream = Endless()
    environ = {**as_chunks(b""), "wsgi.input": stream, "CONTENT_TYPE": MULTIPART}
    assert browser.post(PATH, environ_overrides=environ).status_code == 413
    assert stream.taken <= 4 * MEGABYTE + 64 * 1024
    assert stream.largest <= 64 * 1024


def test_a_file_in_chunks_is_read_whole(browser):
    """IN-3"""
    people = HEADER + "".join(f"p{number}@example.com,Ada,Lovelace,\n" for number in range(60_000))
    assert len(people) > 1.5 * MEGABYTE
    body = multipart(people, browser.csrf_token(PATH))
    environ = {**as_chunks(body), "CONTENT_TYPE": MULTIPART}
    assert browser.post(PATH, environ_overrides=environ).status_code == 302
    assert newest().lines == 60_000


@pytest.mark.parametrize("who", ["anonymous", "user", "almost"])
def test_the_larger_limit_of_uploads_is_only_for_users_who_may_import(app, make_user, who):
    """IN-3, BF-2: the larger limit applies only to users who may open the page."""
    browser = app.test_client()
    if who != "anonymous":
        user = make_user()
        if who == "almost":
            user.role = factories.make_role("Almost", permissions=0xFF ^ 0x80 ^ 0x04)
        db.session.commit()
        browser.enter(user)
    assert browser.post(PATH, data=b"x" * (MEGABYTE + 1)).status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/account/login", "/admin/users", "/admin/invite-user", f"{PATH}/1/columns", "/nowhere"],
)
def test_no_other_address_takes_more_than_before(browser, path):
    """IN-3"""
    assert browser.post(path, data=b"x" * (MEGABYTE + 1)).status_code == 413


def test_a_form_of_the_same_page_that_is_no_file_stays_small(browser):
    """IN-3: form fields are kept in memory, unlike files."""
    response = browser.post(
        PATH,
        data=b"a=" + b"x" * (2 * MEGABYTE),
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 413


def test_all_events_of_an_import_are_found_by_it(browser):
    row = check(browser, HEADER + "new@example.com,N,,\n")
    run(browser, row)
    assert browser.get(f"/admin/users/import/{row.id}/results.csv").status_code == 200
    of_it = select(AuditEvent).where(AuditEvent.action.startswith("import."))
    events = list(db.session.scalars(of_it.order_by(AuditEvent.id)))
    assert [event.action for event in events] == [
        *("import.started", "import.finished", "import.downloaded"),
    ]
    assert {(event.subject_type, event.subject_id) for event in events} == {
        ("peopleimport", row.id)
    }


def test_a_role_and_a_name_are_known_in_either_form_of_unicode(browser):
    """A composed é and a decomposed é did not match each other."""
    db.session.add(Role(name="Équipe", permissions=1))
    db.session.commit()
    row = check(browser, HEADER + "eric@example.com,E\u0301ric,L,e\u0301QUIPE\n", mode="create")
    assert messages(row) == []
    run(browser, row)
    eric = person("eric@example.com")
    assert (eric.first_name, eric.role.name) == ("Éric", "Équipe")
