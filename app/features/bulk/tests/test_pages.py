"""Test the pages that choose users in the list, preview a bulk action, and run it."""

import csv
import io
import re

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.kit import queue
from app.kit.database import now, pauses
from app.kit.mail.email_message import EmailMessage
from app.kit.operations import bulk as batches
from app.kit.operations import lifecycle
from app.models import AuditEvent, Role, User
from app.services import sessions, user_changes
from tests import factories
from tests.support import module_of, needs

BULK = "/admin/users/bulk"


@pytest.fixture
def few_at_once(monkeypatch):
    """Make operations on four or more users run in the worker."""
    monkeypatch.setattr(lifecycle, "AT_ONCE", 3)
    monkeypatch.setattr(batches, "BATCH", 3)
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)


def choose(browser, action, *users, **fields):
    """Submit the form of the list and return the preview."""
    data = {"action": action, "user_ids": [user.id for user in users], **fields}
    answer = browser.submit(BULK, data, form_at="/admin/users/bulk")
    assert answer.status_code == 302
    return answer.location


def preview(browser, action, *users, **fields):
    page = choose(browser, action, *users, **fields)
    assert re.fullmatch(rf"{BULK}/\d+", page), page
    return page


def said(browser):
    """Return the page that the last redirect leads to."""
    return browser.get("/admin/users").text


def user_role():
    return db.session.scalar(select(Role).where(Role.name == "User"))


# The list


def test_the_list_offers_it_without_a_script(browser, make_user):
    """The form has its checkboxes, the filter in hidden fields, and all actions."""
    user = make_user(first_name="Grace")
    page = browser.get("/admin/users?search=grace&status=active").text
    assert f'name="user_ids" value="{user.id}" form="bulk"' in page
    form = page[page.index('id="bulk"') :]
    form = form[: form.index("</form>")]
    assert f'action="{BULK}"' in form
    assert 'name="search" value="grace"' in form
    assert 'name="status" value="active"' in form
    without = {*bulk.ACTIONS} - {*user_changes.BY_NAME}
    for action in bulk.ACTIONS.keys() - without:
        assert re.search(rf'value="{action}(:\d+)?"', form), action


def test_only_roles_that_one_may_give_are_offered(client, make_user):
    """AZ-4"""
    factories.make_role("People", permissions=0x05)
    client.enter(make_user(role="People"))
    page = client.get("/admin/users").text
    administrator = db.session.scalar(select(Role.id).where(Role.name == "Administrator"))
    assert f'value="change_role:{user_role().id}"' in page
    assert f'value="change_role:{administrator}"' not in page
    assert (
        "may give" in client.get(choose(client, f"change_role:{administrator}", make_user())).text
    )


# The preview


def test_a_preview_says_what_happens_to_how_many_and_who_is_left_out(browser, admin, make_user):
    shut = make_user(first_name="Shut", suspended=True)
    page = browser.get(preview(browser, "suspend", make_user(first_name="Open"), shut, admin)).text
    assert "Suspend 1 person" in page
    assert "Open Lovelace" in page
    assert "This is your own account" in page
    assert "Suspended already" in page
    assert "Shut Lovelace" in page
    assert db.session.scalar(select(func.count()).where(AuditEvent.action.like("user.%"))) == 0


def test_a_user_without_a_name_is_called_by_the_email(browser, make_user):
    user = make_user(first_name="\u200b", last_name="\u2060")
    assert f">{user.email}</a>" in browser.get(preview(browser, "suspend", user)).text


def test_all_that_match_are_chosen_by_the_filter(browser, make_user):
    ids = {make_user(first_name="Grace").id for _ in range(3)}
    make_user(first_name="Else")
    path = preview(browser, "suspend", everyone="1", search="grace")
    browser.submit(path, {"reason": "spam"})
    suspended = db.session.scalars(select(User.id).where(User.suspended_at.is_not(None)))
    assert set(suspended) == ids


def test_an_invalid_filter_chooses_nobody(browser, make_user):
    """The list shows all users instead, and the action must not apply to them."""
    make_user()
    for field in ({"role": "999"}, {"status": "nonsense"}, {"created_from": "yesterday"}):
        page = choose(browser, "suspend", everyone="1", **field)
        assert page.startswith("/admin/users")
        assert "Set the filter again" in browser.get(page).text
    assert db.session.scalar(select(func.count(BulkOperation.id))) == 0


@pytest.mark.parametrize(
    ("action", "ids", "sentence"),
    [
        ("", ["1"], "Choose an action"),
        ("explode", ["1"], "Choose an action"),
        ("change_role", ["1"], "Choose one of the roles"),
        ("change_role:abc", ["1"], "Choose one of the roles"),
        ("change_role:99999999999999999999", ["1"], "Choose one of the roles"),
        ("suspend", [], "Select at least one"),
        ("suspend", ["abc"], "could not be read"),
        ("suspend", ["-1"], "could not be read"),
        ("suspend", ["１"], "could not be read"),
        ("suspend", ["1" * 20], "could not be read"),
        ("suspend", ["9999999999"], "Nobody is selected"),
        ("suspend", ["2147483647"], "Nobody is selected"),
        ("suspend", ["1\0"], "could not be read"),
        ("suspend", ["7"] * 1001, "at most 1,000"),
        ("suspend", ["7"] * 50_000, "at most 1,000"),
    ],
)
def test_invalid_choices_are_refused_with_a_sentence(browser, action, ids, sentence):
    """IN-1"""
    data = {"action": action, "user_ids": ids}
    answer = browser.submit(BULK, data, form_at=BULK)
    assert sentence in browser.get(answer.location).text
    assert db.session.scalar(select(func.count(BulkOperation.id))) == 0


def test_a_hundred_thousand_ids_are_too_large_a_request(browser):
    """IN-3"""
    token = browser.csrf_token(BULK)
    ids = [str(number) for number in range(100_000)]
    data = {"action": "suspend", "user_ids": ids, "csrf_token": token}
    assert browser.post(BULK, data=data).status_code == 413


def test_the_same_person_twice_counts_once(browser, make_user):
    user = make_user()
    path = preview(browser, "suspend", user, user, user)
    assert "Suspend 1 person" in browser.get(path).text


def test_a_preview_is_for_its_administrator(browser, app, make_user):
    """AZ-2"""
    user = make_user()
    path = preview(browser, "suspend", user)
    other = app.test_client()
    other.enter(make_user(role="Administrator"))
    assert other.get(path).status_code == 404
    assert other.submit(path, form_at=BULK).status_code == 404
    assert not user.is_suspended


@pytest.mark.parametrize("number", [10**6, 2**31, 2**63, 10**20])
def test_an_operation_that_is_not_there_is_not_found(browser, number):
    for path in ("", "/results.csv"):
        assert browser.get(f"{BULK}/{number}{path}").status_code == 404
    for path in ("", "/stop", "/continue"):
        assert browser.submit(f"{BULK}/{number}{path}", form_at=BULK).status_code == 404


# Confirming


def test_few_are_done_while_the_page_waits(browser, make_user, outbox):
    people = [make_user() for _ in range(3)]
    path = preview(browser, "suspend", *people)
    answer = browser.submit(path, {"reason": "spam", "tell": "y"})
    assert answer.location == path
    assert {user.suspended_reason for user in people} == {"spam"}
    page = browser.get(path).text
    assert "3 of 3" in page
    assert "Finished" in page
    assert {mail["To"] for mail in outbox.deliver()} == {user.email for user in people}


def test_without_notify_no_mail_is_sent(browser, make_user):
    path = preview(browser, "suspend", make_user())
    browser.submit(path, {})
    assert db.session.scalar(select(func.count(EmailMessage.id))) == 0


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("confirm", {"confirmed": False}, "active"),
        pytest.param(
            *("resend_invitation", {"invited": True}, "invited"), marks=needs("invitations")
        ),
        ("suspend", {}, "suspended"),
        ("reactivate", {"suspended": True}, "active"),
        ("end_sessions", {}, "active"),
        *([("delete", {}, "deleted")] if module_of("deletion") else []),
    ],
)
def test_everything_can_be_done_from_the_list(browser, make_user, action, before, after):
    users = [make_user(**before) for _ in range(2)]
    for user in users:
        sessions.start(user, remembered=False, address="", device="")
    path = preview(browser, action, *users)
    browser.submit(path, {"tell": "y"})
    assert {user.status for user in users} == {after}
    assert "2 of 2" in browser.get(path).text


def test_a_role_is_given_to_many(browser, make_user):
    factories.make_role("Editor", permissions=0x11)
    users = [make_user() for _ in range(2)]
    editor = db.session.scalar(select(Role).where(Role.name == "Editor"))
    path = preview(browser, f"change_role:{editor.id}", *users)
    assert "Change the role of 2 people to Editor" in browser.get(path).text
    browser.submit(path, {})
    assert {user.role_id for user in users} == {editor.id}


def test_a_double_click_does_it_once(browser, make_user):
    """IN-6"""
    user = make_user()
    path = preview(browser, "suspend", user)
    token = browser.csrf_token(path)
    for _ in range(2):
        answer = browser.post(path, data={"csrf_token": token, "tell": "y"})
        assert answer.location == path
    assert db.session.scalar(select(func.count(EmailMessage.id))) == 1
    done = select(func.count()).where(AuditEvent.action == "user.suspended")
    assert db.session.scalar(done) == 1


def test_a_reason_that_is_too_long_is_explained_and_kept(browser, make_user):
    user = make_user()
    path = preview(browser, "suspend", user)
    page = browser.submit(path, {"reason": "x" * 501}).text
    assert "Use at most 500 characters" in page
    assert "x" * 501 in page
    assert not user.is_suspended


@pytest.mark.parametrize(
    "action",
    [name for name, one in bulk.ACTIONS.items() if name != "change_role" and one.is_offered],
)
def test_a_grave_action_asks_for_the_password_first(browser, admin, make_user, app, action):
    """AD-2: this applies to all actions except resending invitations."""
    made = {
        "reactivate": {"suspended": True},
        "confirm": {"confirmed": False},
        "resend_invitation": {"invited": True},
    }
    user = make_user(**made.get(action, {}))
    sessions.start(user, remembered=False, address="", device="")
    path = preview(browser, action, user)
    session = db.session.scalars(admin.sessions.select()).one()
    session.authenticated_at = now().replace(year=2020)
    db.session.commit()
    asked = browser.get(path)
    if action == "resend_invitation":
        assert asked.status_code == 200
    else:
        assert "/account/reauthenticate" in asked.location
        token = browser.csrf_token("/")
        answer = browser.post(path, data={"csrf_token": token})
        assert "/account/reauthenticate" in answer.location
        assert db.session.scalar(select(BulkOperation.state)) == "preview"


# Many


def test_many_are_left_to_the_worker_and_watched(browser, make_user, few_at_once, monkeypatch):
    queued = []
    monkeypatch.setattr(
        queue, "enqueue", lambda name, **values: queued.append((name, values)) or "job-1"
    )
    people = [make_user() for _ in range(7)]
    path = preview(browser, "suspend", *people)
    assert "by the worker" in browser.get(path).text
    browser.submit(path, {})
    (job,) = [values for name, values in queued if name == "run_bulk_operation"]
    page = browser.get(path).text
    assert "Queued" in page
    assert "0 of 7" in page
    assert 'data-live="operation"' in page
    bulk.run(job["operation_id"])
    page = browser.get(path, headers={"X-Live": "1"}).text
    assert "7 of 7" in page
    assert "Finished" in page


def test_without_redis_the_page_says_so_and_can_do_it_itself(browser, make_user, few_at_once):
    people = [make_user() for _ in range(7)]
    path = preview(browser, "suspend", *people)
    browser.submit(path, {})
    page = browser.get(path).text
    assert "Redis does not answer" in page
    assert "without a worker" in page
    counts = []
    for _ in range(3):
        browser.submit(f"{path}/continue", {"here": "1"}, form_at=path)
        counts.append(sum(user.is_suspended for user in people))
    assert counts == [3, 6, 7]
    assert "Finished" in browser.get(path).text


def test_it_is_stopped_and_resumed(browser, app, make_user, few_at_once, admin):
    people = [make_user() for _ in range(7)]
    path = preview(browser, "suspend", *people)
    browser.submit(path, {})
    browser.submit(f"{path}/continue", {"here": "1"}, form_at=path)
    other = app.test_client()
    other.enter(make_user(role="Administrator"))
    assert "Stop" in other.get(path).text
    assert other.submit(f"{path}/stop", form_at=path).location == path
    assert sum(user.is_suspended for user in people) == 3
    page = browser.get(path).text
    assert "Stopped" in page
    assert "can go on with it" not in page
    assert f"Only {admin.email} can go on with it" in other.get(path).text
    other.submit(f"{path}/continue", {"here": "1"}, form_at=BULK)
    assert "Only the user who confirmed the bulk change" in other.get(path).text
    assert sum(user.is_suspended for user in people) == 3
    for _ in range(2):
        browser.submit(f"{path}/continue", {"here": "1"}, form_at=path)
    assert sum(user.is_suspended for user in people) == 7
    browser.submit(f"{path}/continue", {"here": "1"}, form_at=BULK)
    assert "nothing to continue" in browser.get(path).text


def test_the_reason_of_a_stop_is_shown(browser, admin, make_user, app, few_at_once):
    """AZ-1: the user who confirmed it loses the permission before the worker starts."""
    people = [make_user() for _ in range(7)]
    path = preview(browser, "suspend", *people)
    browser.submit(path, {})
    other = make_user(role="Administrator")
    admin.role = user_role()
    db.session.commit()
    bulk.run(int(path.rsplit("/", 1)[1]))
    browser = app.test_client()
    browser.enter(other)
    assert "may no longer manage people" in browser.get(path).text
    assert not any(user.is_suspended for user in people)


# The result


def test_the_result_is_a_file_with_a_line_for_each(browser, admin, make_user):
    user = make_user(first_name="=1+1")
    path = preview(browser, "suspend", user, admin)
    browser.submit(path, {})
    answer = browser.get(f"{path}/results.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {row["Email"]: row["Result"] for row in rows} == {
        admin.email: "left out",
        user.email: "suspended",
    }
    assert "'=1+1" in {row["First name"] for row in rows}


def test_finished_operations_are_listed(browser, admin, make_user):
    assert "No bulk changes yet" in browser.get(BULK).text
    path = preview(browser, "suspend", make_user(), make_user())
    assert "No bulk changes yet" in browser.get(BULK).text, "a preview is no action"
    browser.submit(path, {})
    page = browser.get(BULK).text
    assert "Suspend 2 people" in page
    assert f'href="{path}"' in page
    assert admin.email in page
