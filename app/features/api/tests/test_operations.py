"""Every operation of the API: which tokens may call it, and the event that it leaves.

A new operation fails here until CALLS has a working call of it.
"""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.api.blueprint import ApiBlueprint
from app.features.api.models import TokenAccess
from app.features.api.schemas import NewUserSchema
from app.features.api.tests.programs import Program, problem_of
from app.features.api.web.access import access_of
from app.kit.database import now
from app.kit.permissions import FIRST_BIT_OF_A_COPY
from app.models import AuditEvent, Permission
from config import BASE_DIR
from tests import factories
from tests.routes import (
    ANYONE,
    APP,
    MANAGERS,
    RULES,
    UNSAFE,
    address,
    check_rows,
    file_of,
    row,
    rows,
)

# A program signs out with any token.
ENDS_ITSELF = "api.revoke_current_token"
OPERATIONS = [rule for rule in RULES if rule.endpoint.startswith("api.")]
ENDPOINTS = sorted({rule.endpoint for rule in OPERATIONS})
WITH_TOKEN = [one for one in ENDPOINTS if row("ACCESS", one) != ANYONE]
WRITING = [one for one in WITH_TOKEN if access_of(APP.view_functions[one]).writes]


@pytest.fixture(autouse=True)
def _fixtures(request, monkeypatch):
    monkeypatch.setattr(Program, "fixture", staticmethod(request.getfixturevalue), raising=False)


def bits_of(endpoint):
    """Return the permissions that an operation needs, or all of which it needs one."""
    access = row("ACCESS", endpoint)
    if access == MANAGERS:
        return access_of(APP.view_functions[endpoint]).permission
    return int(access) if isinstance(access, Permission) else 0


def calls_of(endpoint):
    call = row("CALLS", endpoint)
    return (call, *call.others)


def test_every_operation_has_a_working_call():
    check_rows(set(ENDPOINTS), "CALLS")


def test_programs_do_what_the_forms_of_the_admin_do():
    """A call with the same permission leaves the event of the form, unless WITHOUT_API says why.

    A feature of the product without an api.py offers nothing.
    """
    offered = {
        (call.event, row("ACCESS", endpoint))
        for endpoint in ENDPOINTS
        for call in calls_of(endpoint)
    }
    reasons, events = rows("WITHOUT_API"), rows("EVENTS")
    forms = {one: event for one, (event, _send) in events.items() if one.startswith("admin.")}
    assert not set(reasons) - set(forms), "WITHOUT_API names forms that leave no event."
    for endpoint, event in forms.items():
        access = row("ACCESS", endpoint)
        is_offered = (event, access) in offered
        if not is_offered and endpoint not in reasons and not is_without_adapter(endpoint, access):
            pytest.fail(
                f"Let an operation of api.py leave {event} with the permission of {endpoint}, or "
                f"add a row for {endpoint} to WITHOUT_API in {file_of(endpoint)}."
            )
        assert not (is_offered and endpoint in reasons), f"Remove {endpoint} from WITHOUT_API."


def is_without_adapter(endpoint, access):
    """Tell whether the feature of a form is the product's, and has no api.py."""
    folder = BASE_DIR / file_of(endpoint).removesuffix("tests/access.py")
    return int(access) >= FIRST_BIT_OF_A_COPY and not (folder / "api.py").exists()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_operation_declares_the_access_of_the_table(endpoint):
    access = access_of(APP.view_functions[endpoint])
    assert access.is_public == (row("ACCESS", endpoint) == ANYONE)
    assert access.permission == bits_of(endpoint)
    assert access.any_of == (row("ACCESS", endpoint) == MANAGERS)


@pytest.mark.parametrize("rule", OPERATIONS, ids=lambda rule: f"{rule} {sorted(rule.methods)}")
def test_an_operation_that_changes_something_needs_a_token_that_writes(rule):
    access = access_of(APP.view_functions[rule.endpoint])
    if access.is_public or rule.endpoint == ENDS_ITSELF:
        return
    assert access.writes == bool(rule.methods & UNSAFE), (
        f"Put @writes on {rule.endpoint} if it changes something, and @reads if it does not."
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_operation_answers_a_token_with_just_its_permission(endpoint, app, make_user, undone):
    """AZ-1: an owner with every permission, and an owner with no other."""
    bits = bits_of(endpoint)
    if access_of(APP.view_functions[endpoint]).any_of:
        bits &= -bits
    bits |= Permission.GENERAL
    own = make_user()
    own.role = factories.make_role("Exact", permissions=bits)
    for owner, scopes in ((make_user(role="Administrator"), bits), (own, Permission.known())):
        with undone():
            answer = row("CALLS", endpoint).send(Program(app, owner, scopes=scopes))
        assert answer.status_code in {200, 201, 202, 204}, answer.text
        assert ("Location" in answer.headers) >= (answer.status_code == 202), endpoint


@pytest.mark.parametrize("endpoint", WITH_TOKEN)
def test_an_operation_refuses_every_other_token(endpoint, app, make_user):
    """AZ-1: by function, before the body or the row is looked at."""
    bits, call = bits_of(endpoint), row("CALLS", endpoint).send
    unknown = Program(app, None)
    answer = call(unknown)
    assert problem_of(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    unknown.headers["Authorization"] = "Bearer kit_nonsense"
    answer = call(unknown)
    assert problem_of(answer) == (401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    for state, code in (
        ({"confirmed": False}, (403, "account-not-ready")),
        ({"must_change_password": True}, (403, "account-not-ready")),
        ({"suspended": True}, (401, "unauthorized")),
        ({"deleted_at": now()}, (401, "unauthorized")),
    ):
        owner = make_user(role="Administrator", **state)
        assert problem_of(call(Program(app, owner))) == code, state
    if not bits:
        return
    admin, lacking = make_user(role="Administrator"), make_user()
    others = Permission.known() & ~0x80 & ~bits
    lacking.role = factories.make_role("Nearly all", permissions=others)
    for owner, scopes in ((admin, others), (lacking, Permission.known())):
        answer = call(Program(app, owner, scopes=scopes))
        assert problem_of(answer) == (403, "insufficient-scope")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("endpoint", WRITING)
def test_a_token_that_reads_changes_nothing(endpoint, app, make_user):
    reader = Program(app, make_user(role="Administrator"), access=TokenAccess.READ)
    assert problem_of(row("CALLS", endpoint).send(reader)) == (403, "insufficient-scope")


@pytest.mark.parametrize("endpoint", WRITING)
def test_an_operation_leaves_its_event_with_the_name_of_the_token(endpoint, app, admin):
    """AD-5"""
    for call in calls_of(endpoint):
        if call.without_event:
            continue
        assert call.event, f"Name the event that {endpoint} leaves in its row of CALLS."
        before = db.session.scalar(select(db.func.max(AuditEvent.id))) or 0
        answer = call.send(Program(app, admin))
        events = db.session.scalars(select(AuditEvent).where(AuditEvent.id > before)).all()
        found = [one for one in events if one.request_id == answer.headers["X-Request-ID"]]
        event = next((one for one in found if one.action == call.event), None)
        assert event is not None, [one.action for one in found]
        assert (event.actor_id, event.details["token"]) == (admin.id, "Test")


def test_unknown_ids_are_not_found(app, admin, redis):
    """AZ-2"""
    program = Program(app, admin)
    for rule in OPERATIONS:
        for method in rule.methods & {"GET", *UNSAFE} if rule.arguments else ():
            answer = program.call(method, address(rule), If_Match='"none"')
            assert answer.status_code in {404, 422}, (str(rule), method, answer.text)


def test_an_operation_takes_a_schema_whose_fields_may_be_missing():
    ApiBlueprint("changes", __name__).arguments(NewUserSchema(partial=True))
