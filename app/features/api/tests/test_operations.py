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

# A program signs out with any live token, whatever its owner has to do first.
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


def by_bits(endpoints):
    """Return lists of operations that need the same permission, which share users and tokens."""
    found = {}
    for one in endpoints:
        any_of = access_of(APP.view_functions[one]).any_of
        found.setdefault((bits_of(one), any_of), []).append(one)
    return [
        pytest.param(bits, some, id=f"{bits:#x}" + " any of" * any_of)
        for (bits, any_of), some in sorted(found.items())
    ]


def test_an_operation_declares_the_access_of_the_table():
    for endpoint in ENDPOINTS:
        access = access_of(APP.view_functions[endpoint])
        assert access.is_public == (row("ACCESS", endpoint) == ANYONE), endpoint
        assert access.permission == bits_of(endpoint), endpoint
        assert access.any_of == (row("ACCESS", endpoint) == MANAGERS), endpoint


def test_an_operation_that_changes_something_needs_a_token_that_writes():
    for rule in OPERATIONS:
        access = access_of(APP.view_functions[rule.endpoint])
        if access.is_public or rule.endpoint == ENDS_ITSELF:
            continue
        assert access.writes == bool(rule.methods & UNSAFE), (
            f"Put @writes on {rule.endpoint} if it changes something, and @reads if it does not."
        )


@pytest.mark.parametrize(("bits", "endpoints"), by_bits(ENDPOINTS))
def test_an_operation_answers_a_token_with_just_its_permission(
    bits, endpoints, app, make_user, undone
):
    """AZ-1: an owner with every permission, and an owner with no other."""
    if access_of(APP.view_functions[endpoints[0]]).any_of:
        bits &= -bits
    bits |= Permission.GENERAL
    own = make_user()
    own.role = factories.make_role("Exact", permissions=bits)
    programs = (
        Program(app, make_user(role="Administrator"), scopes=bits),
        Program(app, own, scopes=Permission.known()),
    )
    for endpoint in endpoints:
        for program in programs:
            with undone():
                answer = row("CALLS", endpoint).send(program)
            assert answer.status_code in {200, 201, 202, 204}, (endpoint, answer.text)
            assert ("Location" in answer.headers) >= (answer.status_code == 202), endpoint


@pytest.mark.parametrize(("bits", "endpoints"), by_bits(WITH_TOKEN))
def test_an_operation_refuses_every_other_token(bits, endpoints, app, make_user, undone):
    """AZ-1: by function, before the body or the row is looked at."""
    unknown, nonsense = Program(app, None), Program(app, None)
    nonsense.headers["Authorization"] = "Bearer kit_nonsense"
    not_ready, unauthorized = (403, "account-not-ready"), (401, "unauthorized")
    wrong = [(unknown, unauthorized, 'Bearer realm="api"')]
    # An operation that looks at no token takes all of these, so each gets three in turn.
    not_theirs = [(nonsense, unauthorized, 'error="invalid_token"')]
    for state, code in (
        ({"confirmed": False}, not_ready),
        ({"must_change_password": True}, not_ready),
        ({"suspended": True}, unauthorized),
        ({"deleted_at": now()}, unauthorized),
    ):
        owner = make_user(role="Administrator", **state)
        not_theirs.append((Program(app, owner), code, ""))
    if bits:
        lacking = make_user()
        others = Permission.known() & ~0x80 & ~bits
        lacking.role = factories.make_role("Nearly all", permissions=others)
        for owner, scopes in (
            (make_user(role="Administrator"), others),
            (lacking, Permission.known()),
        ):
            program = Program(app, owner, scopes=scopes)
            wrong.append((program, (403, "insufficient-scope"), 'error="insufficient_scope"'))
    for endpoint in endpoints:
        first = WITH_TOKEN.index(endpoint)
        these = wrong + [not_theirs[(first + n) % len(not_theirs)] for n in range(3)]
        for number, (program, code, challenge) in enumerate(these):
            if endpoint == ENDS_ITSELF and code == not_ready:
                continue
            with undone():
                answer = row("CALLS", endpoint).send(program)
            assert problem_of(answer) == code, (endpoint, number)
            asked = answer.headers.get("WWW-Authenticate", "")
            assert challenge in asked, (endpoint, number)
            assert program is not unknown or asked == challenge, endpoint


def test_a_token_that_reads_changes_nothing(app, make_user, undone):
    reader = Program(app, make_user(role="Administrator"), access=TokenAccess.READ)
    for endpoint in WRITING:
        with undone():
            answer = row("CALLS", endpoint).send(reader)
        assert problem_of(answer) == (403, "insufficient-scope"), endpoint


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
            answer = program.call(method, address(rule), If_Match="*")
            assert answer.status_code in {404, 422}, (str(rule), method, answer.text)


def test_an_operation_takes_a_schema_whose_fields_may_be_missing():
    ApiBlueprint("changes", __name__).arguments(NewUserSchema(partial=True))
