"""Every action records its event. A new form fails here until a table names its event."""

import ast
import re
from functools import cache

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import audit, features
from app.models import AuditEvent, UserSession
from tests.contracts.test_imports import name_of, sources
from tests.routes import FORMS, RULES, check_rows, row, rows
from tests.support import PASSWORD
from tests.trees import nodes_of
from tests.world import NEW_PASSWORD, NEW_PASSWORDS, World

FORM_ENDPOINTS = {rule.endpoint for rule in FORMS}
FILES = {rule.endpoint for rule in RULES if rule.rule.endswith(".csv")} - FORM_ENDPOINTS


@pytest.fixture
def world(app, make_user, admin, request):
    return World(app, make_user, admin, request)


def test_every_form_says_which_event_it_leaves():
    """AD-5"""
    check_rows(FORM_ENDPOINTS, "EVENTS", "WITHOUT_EVENT")


@pytest.mark.parametrize("endpoint", sorted(rows("EVENTS")))
def test_a_form_leaves_its_event(endpoint, world):
    """AD-5: who, what, from where, when, in which request, and no secrets."""
    action, send = row("EVENTS", endpoint)
    before = db.session.scalar(select(db.func.max(AuditEvent.id))) or 0
    response = send(world)
    page = response.get_data().decode(errors="replace")  # or a file
    told = re.findall(r"(?:feedback|error|message)[^<>]*>\s*([^<>]+)", page)
    assert response.status_code in {200, 302}, told
    new = db.session.scalars(select(AuditEvent).where(AuditEvent.id > before)).all()
    of_request = [row for row in new if row.request_id == response.headers["X-Request-ID"]]
    assert action in {row.action for row in of_request}, (told, [row.action for row in new])
    found = next(one for one in of_request if one.action == action)
    assert found.address == "127.0.0.1"
    if endpoint.startswith("admin."):
        assert (found.actor_id, found.actor_label) == (world.admin.id, world.admin.email)
    for event in new:
        told = repr([getattr(event, column.key) for column in AuditEvent.__table__.c])
        assert PASSWORD not in told
        assert NEW_PASSWORD not in told


def test_every_file_that_is_given_out_says_which_event_it_leaves():
    """AD-5"""
    check_rows(FILES, "DOWNLOADS", "WITHOUT_USERS")


@pytest.mark.parametrize("endpoint", sorted(rows("DOWNLOADS")))
def test_taking_a_file_away_leaves_its_event(endpoint, world):
    """AD-5: auditors need to know who has a copy of the users' emails."""
    action, path_of = row("DOWNLOADS", endpoint)
    path = path_of(world)
    before = db.session.scalar(select(db.func.max(AuditEvent.id))) or 0
    response = world.browser.get(path)
    assert response.status_code == 200
    assert response.data

    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.id > before)).all()
    assert (event.action, event.actor_id, event.address) == (action, world.admin.id, "127.0.0.1")
    assert event.request_id == response.headers["X-Request-ID"]


@pytest.mark.parametrize("endpoint", sorted(rows("DOWNLOADS")))
def test_asking_whether_there_is_a_file_takes_nothing_away(endpoint, world):
    path = row("DOWNLOADS", endpoint)[1](world)
    before = db.session.scalar(select(db.func.max(AuditEvent.id)))
    assert world.browser.head(path).status_code == 200
    assert db.session.scalar(select(db.func.max(AuditEvent.id))) == before


@cache
def recorded():
    """Return the modules that contain a string that looks like an action, by the string."""
    nouns = "|".join(audit.NOUNS)
    looks_like_one = re.compile(rf"(?:{nouns})\.[a-z_]+")
    named = {}
    for path in sources():
        module = name_of(path)
        records = (
            "app.services",
            "app.features",
            "app.kit.operations",
            "app.kit.imports",
            "app.kit.outgoing",
        )
        if not module.startswith(records) or module == "app.features.audit.services.words":
            continue
        nodes = list(nodes_of(path))
        # The path to a value of a row, in a schema of the API.
        paths = {
            id(one.value)
            for one in nodes
            if isinstance(one, ast.keyword) and one.arg == "attribute"
        }
        for node in nodes:
            text = node.value if isinstance(node, ast.Constant) and id(node) not in paths else None
            if isinstance(text, str) and looks_like_one.fullmatch(text):
                named.setdefault(text, set()).add(module)
    return named


def where_to_declare(module):
    """Return the file that declares the words for the actions of a module."""
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
    """A feature's events are removed with its folder, so no other module may record them."""
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
    """Return the names of the features that a feature requires, directly or indirectly."""
    if feature is None:
        return set()
    direct = features.installed()[feature].requires
    return set(direct).union(*map(requirements, direct))


def test_an_event_that_records_a_search_is_declared_so_that_erasing_finds_it():
    """AD-7"""
    for path in sources():
        for call in nodes_of(path):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            is_search = {"filter", "filters", "search"} & {one.arg for one in call.keywords}
            action = call.args[0]
            if is_search and isinstance(action, ast.Constant) and action.value in audit.ACTIONS:
                assert action.value in audit.actions.SEARCHING, (
                    f"{name_of(path)} records a search with {action.value}: "
                    "name it under `searches` of its feature.toml."
                )


def test_a_refused_sign_in_is_recorded_with_its_email(world):
    """AD-5"""
    user = world.make_user(email="ada@example.com")
    for email, reason in (
        ("ada@example.com", "The password is wrong"),
        ("nobody@example.com", "There is no such account"),
    ):
        world.send(world.stranger, "/account/login", email=email, password="not the password")
        event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
        assert (event.action, event.actor_id, event.actor_label) == ("session.refused", None, email)
        assert event.details == {"reason": reason}
        assert event.subject_id == (user.id if email == user.email else None)
        assert "not the password" not in repr([event.changes, event.details])


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
def test_a_wrong_password_of_a_signed_in_user_is_recorded(world, path, data, action):
    """AD-5"""
    user, browser = world.as_user()
    world.send(browser, path, **data)
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
    assert (event.action, event.actor_id, event.subject_id) == (action, user.id, user.id)


def test_throttled_attempts_are_recorded_once(world):
    """However often a visitor guesses, the audit trail does not grow."""
    world.make_user(email="ada@example.com")
    for _ in range(16):
        world.send(world.stranger, "/account/login", email="ada@example.com", password="wrong")
    actions = list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
    assert actions.count("session.refused") == 10
    assert actions.count("session.throttled") == 1


def test_a_new_session_and_its_event_are_one_transaction(world, monkeypatch):
    """Both are committed or neither is, with no additional commit."""
    user = world.make_user()
    world.send(world.stranger, "/account/login", email=user.email, password=PASSWORD)
    count = select(db.func.count()).select_from(UserSession).where(UserSession.user_id == user.id)
    assert db.session.scalar(count) == 1

    def fail(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(audit.recording, "values", fail)
    with pytest.raises(RuntimeError):
        world.send(world.app.test_client(), "/account/login", email=user.email, password=PASSWORD)
    db.session.rollback()
    assert db.session.scalar(count) == 1
