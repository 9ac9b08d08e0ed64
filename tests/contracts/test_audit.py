"""Every deed leaves its event: a form that is added tomorrow fails here until it says which."""

import ast
import html
import io
import re

import pytest
from sqlalchemy import select

from app import emails
from app.extensions import db
from app.features import imports
from app.features.bulk.models import BulkOperation, BulkState
from app.features.imports.models import ImportState
from app.kit import audit, features
from app.kit.database import now
from app.kit.mail.email_message import EmailState
from app.models import AuditEvent, Role, UserSession
from tests import factories
from tests.contracts.test_imports import name_of, sources
from tests.contracts.test_routes import RULES, UNSAFE
from tests.fixtures.queues import add_job, redis, redis_server, task_queue
from tests.support import PASSWORD

__all__ = ["add_job", "redis", "redis_server", "task_queue"]

NEW_PASSWORD = "another correct horse battery"
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')

# What changes nothing that anybody else sees, and why.
NO_DEED = {
    "account.check_password": "answers a question",
    "admin.choose_columns": "a cookie that says how to look at a list",
    "admin.preview_bulk": "a preview: what is done is noted once it is confirmed",
    "admin.import_users": "a file that nothing is done with yet",
    "admin.import_columns": "says what the columns are; the run is noted",
}

# Files that a GET gives out, and the event that tells who took them away.
DOWNLOADS = {
    "admin.export_users": ("user.exported", lambda world: "/admin/users/export.csv"),
    "admin.bulk_results": (
        "bulk.downloaded",
        lambda world: f"/admin/users/bulk/{previewed(world).id}/results.csv",
    ),
    "admin.import_results": (
        "import.downloaded",
        lambda world: f"/admin/users/import/{checked_import(world).id}/results.csv",
    ),
    "admin.import_problems": (
        "import.downloaded",
        lambda world: f"/admin/users/import/{checked_import(world).id}/problems.csv",
    ),
}
NO_ONE_IN_IT = {"admin.import_sample": "a file that shows how one looks"}


class World:
    """An administrator's browser, a stranger's, and people to whom things are done."""

    def __init__(self, app, make_user, admin):
        self.app, self.make_user, self.admin = app, make_user, admin
        self.stranger = app.test_client()
        self.browser = app.test_client()
        self.browser.enter(admin)

    def as_user(self, **values):
        user = self.make_user(**values)
        browser = self.app.test_client()
        browser.enter(user)
        return user, browser

    def mail(self, state):
        row = emails.send_confirm(self.make_user(confirmed=False))
        row.state = state
        db.session.commit()
        return row.id

    def role(self, name):
        return db.session.scalars(select(Role).where(Role.name == name)).one()


def send(browser, path, *, form_at="", **data):
    """Open a page, and send its form with what is hidden in it."""
    page = browser.get(form_at or path, follow_redirects=True).text
    fields = {}
    for tag in HIDDEN.findall(page):
        name, value = (re.search(rf'\b{key}="([^"]*)"', tag) for key in ("name", "value"))
        if name:
            fields.setdefault(name.group(1), html.unescape(value.group(1)) if value else "")
    fields["csrf_token"] = browser.csrf_token(form_at or path)
    return browser.post(path, data=fields | data)


def on_user(path, *, user=None, **data):
    def deed(world):
        person = world.make_user(**(user or {}))
        return send(world.browser, f"/admin/user/{person.id}/{path}", **data)

    return deed


def on_job(path, state="failed"):
    def deed(world):
        job_id = world.add_job(state=state)
        return send(world.browser, f"/admin/jobs/{job_id}/{path}")

    return deed


def change_role(world):
    role = factories.make_role("Editor", permissions=1)
    return on_user("change-account-type", role=role.id)(world)


def end_user_session(world):
    user, _ = world.as_user()
    row = db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).one()
    path = f"/admin/user/{user.id}/sessions/{row.id}/end"
    return send(world.browser, path, form_at="/about")


def end_user_sessions(world):
    user, _ = world.as_user()
    return send(world.browser, f"/admin/user/{user.id}/end-sessions")


def restore_user(world):
    return on_user("restore", user={"deleted_at": now()})(world)


def edit_role(world):
    role = factories.make_role("Editor", permissions=1)
    path = f"/admin/roles/{role.id}"
    return send(world.browser, path, name="Writer", index="main", permissions="1")


def delete_role(world):
    role = factories.make_role("Editor", permissions=1)
    return send(world.browser, f"/admin/roles/{role.id}/delete")


def copy_invite_link(world):
    user = world.make_user(invited=True)
    return send(world.browser, f"/admin/user/{user.id}/copy-invite-link")


def previewed(world):
    data = {"action": "suspend", "user_ids": str(world.make_user().id)}
    world.browser.submit("/admin/users/bulk", data, form_at="/about")
    return db.session.scalars(select(BulkOperation)).one()


def bulk(world):
    return send(world.browser, f"/admin/users/bulk/{previewed(world).id}")


def on_bulk(path, state):
    def deed(world):
        operation = previewed(world)
        operation.state = state
        db.session.commit()
        return send(world.browser, f"/admin/users/bulk/{operation.id}/{path}", form_at="/about")

    return deed


def checked_import(world):
    file = io.BytesIO(b"Email,First name,Last name\ngrace@example.com,Grace,Hopper\n")
    row = imports.upload(file, name="people.csv", by=world.admin)
    imports.choose(
        row,
        mapping={"email": 0, "first_name": 1, "last_name": 2},
        has_header=True,
        mode="create",
        update_existing=False,
        role_id=world.role("User").id,
        by=world.admin,
    )
    assert row.state == ImportState.CHECKED, row.failure
    return row


def on_import(path, form_at="", **state):
    """Return a deed on an import whose file has been checked."""

    def deed(world):
        row = checked_import(world)
        for name, value in state.items():
            setattr(row, name, value)
        db.session.commit()
        address = f"/admin/users/import/{row.id}/{path.format(row=row)}"
        return send(world.browser, address, form_at=form_at)

    return deed


def by_token(path, purpose, *, data=None, **values):
    def deed(world):
        user = world.make_user(**values)
        token = getattr(user, f"generate_{purpose}_token")()
        return send(world.stranger, path.format(user=user, token=token), **(data or {}))

    return deed


def change_email(world):
    user, browser = world.as_user(pending_email="new@example.com")
    token = user.generate_email_change_token("new@example.com")
    return send(browser, f"/account/manage/change-email/{token}")


def cancel_email_change(world):
    _, browser = world.as_user(pending_email="new@example.com")
    return send(browser, "/account/manage/change-email/cancel", form_at="/account/manage")


def as_user(path, *, form_at="", user=None, **data):
    def deed(world):
        _, browser = world.as_user(**(user or {}))
        return send(browser, path, form_at=form_at, **data)

    return deed


def as_stranger(path, **data):
    return lambda world: send(world.stranger, path, **data)


def sign_in(world):
    user = world.make_user()
    return send(world.stranger, "/account/login", email=user.email, password=PASSWORD)


def stop_acting(world):
    user = world.make_user()
    send(world.browser, f"/admin/user/{user.id}/sign-in-as", password=PASSWORD)
    return send(world.browser, "/account/stop-acting", form_at="/about")


def on_mail(path, state):
    return lambda world: send(world.browser, f"/admin/emails/{world.mail(state)}/{path}")


def resend_failed(world):
    world.mail(EmailState.FAILED)
    return send(world.browser, "/admin/emails/resend-failed")


def on_jobs(path, state="failed"):
    def deed(world):
        world.add_job(state=state)
        return send(world.browser, f"/admin/jobs/{path}")

    return deed


def empty_queue(world):
    world.add_job(state="queued")
    queue = world.app.config["RQ_QUEUES"][0]
    return send(world.browser, f"/admin/jobs/empty-queue?queue={queue}")


NEW_PERSON = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}
NEW_NAME = {"first_name": "Augusta", "last_name": "King"}
NEW_PASSWORDS = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
OLD_AND_NEW = {"old_password": PASSWORD} | NEW_PASSWORDS
TWICE = {"password": NEW_PASSWORD, "password2": NEW_PASSWORD}


def with_role(path, **data):
    return lambda world: send(world.browser, path, role=world.role("User").id, **data)


UNCONFIRMED, INVITED, SUSPENDED = {"confirmed": False}, {"invited": True}, {"suspended": True}

DEEDS = {
    "account.login": ("session.started", sign_in),
    "account.logout": ("session.ended", as_user("/account/logout", form_at="/about")),
    "account.reauthenticate": (
        "session.reauthenticated",
        as_user("/account/reauthenticate", password=PASSWORD),
    ),
    "account.register": (
        "user.registered",
        as_stranger("/account/register", **NEW_PERSON, **TWICE),
    ),
    "account.confirm_request": (
        "user.confirmation_resent",
        as_user("/account/confirm-account", form_at="/account/unconfirmed", user=UNCONFIRMED),
    ),
    "account.confirm": (
        "user.confirmed",
        by_token(
            "/account/confirm-account/{token}",
            "confirmation",
            confirmed=False,
            data={"password": PASSWORD},
        ),
    ),
    "account.join_from_invite": (
        "user.invitation_accepted",
        by_token("/account/join-from-invite/{user.id}/{token}", "invite", invited=True, data=TWICE),
    ),
    "account.reset_password_request": (
        "user.reset_asked",
        as_stranger("/account/reset-password", email="nobody@example.com"),
    ),
    "account.reset_password": (
        "user.password_reset",
        by_token("/account/reset-password/{token}", "password_reset", data=NEW_PASSWORDS),
    ),
    "account.change_password": (
        "user.password_changed",
        as_user("/account/manage/change-password", **OLD_AND_NEW),
    ),
    "account.change_name": (
        "user.renamed",
        as_user("/account/manage/change-name", **NEW_NAME),
    ),
    "account.change_email_request": (
        "user.email_change_asked",
        as_user("/account/manage/change-email", email="new@example.com", password=PASSWORD),
    ),
    "account.change_email": ("user.email_changed", change_email),
    "account.cancel_email_change": ("user.email_change_cancelled", cancel_email_change),
    "account.end_sessions": (
        "user.sessions_ended",
        as_user("/account/manage/devices/end", form_at="/about", session="others"),
    ),
    "account.delete_account": (
        "user.deleted",
        as_user("/account/manage/delete", password=PASSWORD),
    ),
    "account.stop_acting": ("session.impersonation_ended", stop_acting),
    "admin.sign_in_as": (
        "session.impersonation_started",
        on_user("sign-in-as", reason="To help", password=PASSWORD),
    ),
    "admin.new_user": ("user.created", with_role("/admin/new-user", **NEW_PERSON, **TWICE)),
    "admin.invite_user": ("user.invited", with_role("/admin/invite-user", **NEW_PERSON)),
    "admin.resend_invite": (
        "user.invitation_resent",
        on_user("resend-invite", user=INVITED, form_at="/about"),
    ),
    "admin.copy_invite_link": ("user.invitation_link_copied", copy_invite_link),
    "admin.revoke_invite": ("user.invitation_revoked", on_user("revoke-invite", user=INVITED)),
    "admin.change_user_name": ("user.renamed", on_user("change-name", **NEW_NAME)),
    "admin.change_user_email": (
        "user.email_changed",
        on_user("change-email", email="other@example.com"),
    ),
    "admin.change_account_type": ("user.role_changed", change_role),
    "admin.suspend_user": ("user.suspended", on_user("suspend", reason="Spam")),
    "admin.reactivate_user": ("user.reactivated", on_user("reactivate", user=SUSPENDED)),
    "admin.delete_user": ("user.deleted", on_user("delete")),
    "admin.restore_user": ("user.restored", restore_user),
    "admin.confirm_user": ("user.confirmed", on_user("confirm", user=UNCONFIRMED)),
    "admin.resend_confirmation": (
        "user.confirmation_resent",
        on_user("resend-confirmation", user=UNCONFIRMED, form_at="/about"),
    ),
    "admin.send_reset_link": ("user.reset_link_sent", on_user("send-reset-link")),
    "admin.require_password_change": (
        "user.password_change_required",
        on_user("require-password-change"),
    ),
    "admin.end_user_sessions": ("user.sessions_ended", end_user_sessions),
    "admin.end_user_session": ("user.session_ended", end_user_session),
    "admin.bulk_operation": ("user.suspended", bulk),
    "admin.stop_bulk": ("bulk.stopped", on_bulk("stop", BulkState.QUEUED)),
    "admin.continue_bulk": ("bulk.continued", on_bulk("continue", BulkState.CANCELLED)),
    "admin.run_import": ("import.started", on_import("run?check={row.checks}")),
    "admin.go_on_with_import": (
        "import.started",
        on_import("go-on", state=ImportState.CANCELLED, started_at=now()),
    ),
    "admin.cancel_import": (
        "import.cancelled",
        on_import("cancel", "/about", state=ImportState.RUNNING, started_at=now()),
    ),
    "admin.delete_import": ("import.deleted", on_import("delete")),
    "admin.new_role": (
        "role.created",
        lambda world: send(
            world.browser, "/admin/roles/new", name="Editor", index="main", permissions="1"
        ),
    ),
    "admin.role": ("role.changed", edit_role),
    "admin.delete_role": ("role.deleted", delete_role),
    "admin.update_editor_contents": (
        "page.edited",
        lambda world: send(
            world.browser,
            "/admin/_update_editor_contents",
            form_at="/about",
            editor_name="about",
            edit_data="<p>New</p>",
        ),
    ),
    "admin.export_audit": (
        "audit.exported",
        lambda world: send(world.browser, "/admin/audit/export.csv", form_at="/admin/audit"),
    ),
    "admin.resend_email": ("email.resent", on_mail("resend", EmailState.FAILED)),
    "admin.cancel_email": ("email.cancelled", on_mail("cancel", EmailState.PENDING)),
    "admin.resend_failed_emails": ("email.failed_resent", resend_failed),
    "admin.retry_job": ("job.retried", on_job("retry")),
    "admin.delete_job": ("job.deleted", on_job("delete")),
    "admin.cancel_job": ("job.cancelled", on_job("cancel", "queued")),
    "admin.retry_jobs": ("queue.retried", on_jobs("retry-all")),
    "admin.delete_jobs": ("queue.emptied", on_jobs("delete-all?list=failed")),
    "admin.empty_queue": ("queue.emptied", empty_queue),
}

FORMS = {
    rule.endpoint
    for rule in RULES
    # The pages of development are not there for anybody else.
    if rule.methods & UNSAFE and rule.endpoint.split(".")[0] not in {"static", "dev"}
}


@pytest.fixture
def world(app, make_user, admin):
    return World(app, make_user, admin)


def test_every_form_says_which_event_it_leaves():
    """AD-5"""
    told = set(DEEDS) | set(NO_DEED)
    assert not FORMS - told, f"Say in DEEDS of {__file__} how to send these and which event comes."
    assert not told - FORMS, f"Take these out of {__file__}: they are gone."
    assert not set(DEEDS) & set(NO_DEED)


@pytest.mark.parametrize("endpoint", sorted(DEEDS))
def test_a_deed_leaves_its_event(endpoint, world, request):
    """AD-5: who, what, from where, when, in which request, and nothing that is secret."""
    action, deed = DEEDS[endpoint]
    if "job" in endpoint or "queue" in endpoint:
        world.add_job = request.getfixturevalue("add_job")
    before = db.session.scalar(select(db.func.max(AuditEvent.id))) or 0
    response = deed(world)
    told = re.findall(r"(?:feedback|error|message)[^<>]*>\s*([^<>]+)", response.text)
    assert response.status_code in {200, 302}, told
    new = db.session.scalars(select(AuditEvent).where(AuditEvent.id > before)).all()
    of_request = [row for row in new if row.request_id == response.headers["X-Request-ID"]]
    assert action in {row.action for row in of_request}, (told, [row.action for row in new])
    row = next(row for row in of_request if row.action == action)
    assert row.address == "127.0.0.1"
    if endpoint.startswith("admin."):
        assert (row.actor_id, row.actor_label) == (world.admin.id, world.admin.email)
    for event in new:
        told = repr([getattr(event, column.key) for column in AuditEvent.__table__.c])
        assert PASSWORD not in told
        assert NEW_PASSWORD not in told


def test_every_file_that_is_given_out_says_which_event_it_leaves():
    """AD-5"""
    files = {rule.endpoint for rule in RULES if rule.rule.endswith(".csv")} - FORMS
    told = set(DOWNLOADS) | set(NO_ONE_IN_IT)
    assert not files - told, f"Say in DOWNLOADS of {__file__} which event each of these leaves."
    assert not told - files, f"Take these out of {__file__}: they are gone."


@pytest.mark.parametrize("endpoint", sorted(DOWNLOADS))
def test_taking_a_file_away_leaves_its_event(endpoint, world):
    """AD-5: an auditor asks who has a copy of people's addresses."""
    action, path_of = DOWNLOADS[endpoint]
    path = path_of(world)
    before = db.session.scalar(select(db.func.max(AuditEvent.id))) or 0
    response = world.browser.get(path)
    assert response.status_code == 200
    assert response.data

    (row,) = db.session.scalars(select(AuditEvent).where(AuditEvent.id > before)).all()
    assert (row.action, row.actor_id, row.address) == (action, world.admin.id, "127.0.0.1")
    assert row.request_id == response.headers["X-Request-ID"]


@pytest.mark.parametrize("endpoint", sorted(set(DOWNLOADS) - {"admin.export_users"}))
def test_asking_whether_there_is_a_file_takes_nothing_away(endpoint, world):
    path = DOWNLOADS[endpoint][1](world)
    before = db.session.scalar(select(db.func.max(AuditEvent.id)))
    assert world.browser.head(path).status_code == 200
    assert db.session.scalar(select(db.func.max(AuditEvent.id))) == before


def recorded():
    """Return the modules by the texts of theirs that look like an action."""
    nouns = "|".join(audit.NOUNS)
    looks_like_one = re.compile(rf"(?:{nouns})\.[a-z_]+")
    named = {}
    for path in sources():
        module = name_of(path)
        if not module.startswith(("app.services", "app.features")) or module in {
            "app.kit.audit.actions",
            "app.features.audit.services.words",
        }:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and looks_like_one.fullmatch(text):
                named.setdefault(text, set()).add(module)
    return named


def where_to_declare(module):
    """Return the file that gives the actions of a module their words."""
    parts = module.split(".")
    if parts[1] == "features":
        return f"[events] of app/features/{parts[2]}/feature.toml"
    return "CORE of app/kit/audit/actions.py"


def test_every_action_that_is_recorded_has_words_and_the_other_way_round():
    for action in audit.ACTIONS:
        noun = action.split(".")[0]
        assert noun in audit.NOUNS, f"Give {noun} words under [nouns] of the feature with {action}."
    named = recorded()
    for action in named.keys() - audit.ACTIONS.keys():
        (module, *_) = named[action]
        pytest.fail(f"Give {action} of {module} words in {where_to_declare(module)}.")
    for action in audit.ACTIONS.keys() - named.keys():
        pytest.fail(f"No service records {action}: call `audit.record` with it, or remove it.")


@pytest.mark.parametrize("feature", [None, *features.names()])
def test_actions_are_declared_where_they_are_recorded(feature):
    """With the folder of a feature its events go: nothing else may record them."""
    features_of = {
        action: one.name for one in features.installed().values() for action in one.events
    }
    for action, modules in recorded().items():
        owner = features_of.get(action)
        for module in modules:
            part = module.split(".")[2] if module.startswith("app.features.") else None
            if part == feature and owner not in {None, part, *requirements(part)}:
                pytest.fail(f"{module} records {action}: move it to {where_to_declare(module)}.")


def requirements(feature):
    """Return the names of the features that a feature requires, directly or not."""
    if feature is None:
        return set()
    direct = features.installed()[feature].requires
    return set(direct).union(*map(requirements, direct))


def test_an_event_that_records_a_search_is_declared_so_that_erasing_finds_it():
    """AD-7"""
    for path in sources():
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            is_search = {"filter", "filters", "search"} & {one.arg for one in call.keywords}
            action = call.args[0]
            if is_search and isinstance(action, ast.Constant) and action.value in audit.ACTIONS:
                assert action.value in audit.actions.SEARCHING, (
                    f"{name_of(path)} records a search with {action.value}: "
                    "name it under `searches` of its feature.toml."
                )


def test_whoever_is_refused_is_noted_with_what_they_tried(world):
    """AD-5"""
    user = world.make_user(email="ada@example.com")
    for email, reason in (
        ("ada@example.com", "The password is wrong"),
        ("nobody@example.com", "There is no such account"),
    ):
        send(world.stranger, "/account/login", email=email, password="not the password")
        row = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
        assert (row.action, row.actor_id, row.actor_label) == ("session.refused", None, email)
        assert row.details == {"reason": reason}
        assert row.subject_id == (user.id if email == user.email else None)
        assert "not the password" not in repr([row.changes, row.details])


@pytest.mark.parametrize(
    ("path", "data", "action"),
    [
        ("/account/reauthenticate", {"password": "wrong"}, "session.reauthentication_refused"),
        (
            "/account/manage/change-password",
            NEW_PASSWORDS | {"old_password": "wrong"},
            "user.password_change_refused",
        ),
        (
            "/account/manage/change-email",
            {"email": "new@example.com", "password": "wrong"},
            "user.email_change_refused",
        ),
    ],
)
def test_a_wrong_password_of_whoever_is_signed_in_is_noted(world, path, data, action):
    """AD-5"""
    user, browser = world.as_user()
    send(browser, path, **data)
    row = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
    assert (row.action, row.actor_id, row.subject_id) == (action, user.id, user.id)


def test_attempts_that_have_to_wait_are_noted_once(world):
    """However long someone goes on guessing, the trail does not grow by it."""
    world.make_user(email="ada@example.com")
    for _ in range(16):
        send(world.stranger, "/account/login", email="ada@example.com", password="wrong")
    actions = list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
    assert actions.count("session.refused") == 10
    assert actions.count("session.throttled") == 1


def test_a_new_session_and_its_event_are_one_transaction(world, monkeypatch):
    """Both or neither, and no commit more than without it."""
    user = world.make_user()
    send(world.stranger, "/account/login", email=user.email, password=PASSWORD)
    count = select(db.func.count()).select_from(UserSession).where(UserSession.user_id == user.id)
    assert db.session.scalar(count) == 1

    def fail(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(audit.recording, "values", fail)
    with pytest.raises(RuntimeError):
        send(world.app.test_client(), "/account/login", email=user.email, password=PASSWORD)
    db.session.rollback()
    assert db.session.scalar(count) == 1
