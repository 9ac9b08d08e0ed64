"""Hostile parameters, headers and fields get a clear problem from every operation."""

import base64
import json

import pytest

from app.features.api.tests.programs import Program, admin_program, problem_of
from app.features.api.tests.test_operations import ENDPOINTS, OPERATIONS, _fixtures
from app.features.api.tests.test_reference import operation_of
from tests import factories
from tests.routes import APP, row

__all__ = ["_fixtures", "admin_program"]

LISTS = [
    str(rule)
    for rule in OPERATIONS
    if "list" in getattr(APP.view_functions[rule.endpoint], "_apidoc", {}) and not rule.arguments
]
SECRETS = ("password_hash", "secret_hash", "encrypted", "role.permissions", "__class__")
PLACES = (
    *("[]", "[null]", "[[1]]", '["x",1]', '["2031-03-09",1]', '["\\u0000",1]', "[1e400]"),
    *("[99999999999999999999,1]", '["9999999-01-01T00:00:00",1]', '{"a":1}', "[true,true]"),
)


@pytest.fixture(autouse=True)
def _unlimited(app, monkeypatch):
    for setting in ("API_LIMIT_BY_TOKEN", "API_LIMIT_BY_IP"):
        monkeypatch.setitem(app.config, setting, 1_000_000)


def cursor(**parameters):
    return base64.urlsafe_b64encode(json.dumps(parameters).encode()).decode().rstrip("=")


def forged():
    """Yield cursors that no list has made."""
    for place in PLACES:
        encoded = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")
        yield from (cursor(after=encoded), cursor(before=encoded))
    for parameters in (
        *({"after": "x" * 3000}, {"after": True}, {"after": 10**400}, {"before": -1}),
        *({"page": 2**63}, {"page": -1}, {"page": True}, {"last": True}, {"after": "1", "last": 1}),
    ):
        yield cursor(**parameters)


def test_no_list_has_secret_columns_or_takes_a_forged_cursor(admin_program, make_user, redis):
    """AP-4, IN-2"""
    make_user()
    cursors = list(forged())
    assert "/api/v1/users" in LISTS
    for path in LISTS:
        for name in SECRETS:
            for parameter in ("sort", "fields"):
                answer = admin_program.get(f"{path}?{parameter}={name}")
                assert problem_of(answer)[0] == 422, (path, parameter, name)
        for one in cursors:
            answer = admin_program.get(f"{path}?cursor={one}")
            assert answer.status_code in {200, 422}, (path, one, answer.text)


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if operation_of(one)[0].fields])
def test_no_operation_takes_a_column_that_it_does_not_offer(endpoint, app, admin):
    """AZ-3: API3:2023, mass assignment."""

    class Greedy(Program):
        def call(self, method, path, body=None, **headers):
            if method != "GET":
                body = {**(body or {}), "password_hash": "x", "actor_id": 1}
            return super().call(method, path, body, **headers)

    answer = row("CALLS", endpoint).send(Greedy(app, admin))
    assert problem_of(answer)[0] == 422
    wrong = {error["pointer"] for error in answer.json["errors"]}
    assert {"#/password_hash", "#/actor_id"} <= wrong


def test_a_token_counts_in_the_header_alone(admin_program):
    """AP-1"""
    secret = admin_program.headers.pop("Authorization").removeprefix("Bearer ")
    for name in ("access_token", "token", "authorization"):
        assert problem_of(admin_program.get(f"/me?{name}={secret}"))[0] == 401
    for value in (f"Token {secret}", f'Bearer token="{secret}"', f"Bearer {secret},x"):
        assert problem_of(admin_program.get("/me", Authorization=value))[0] == 401


def test_no_header_overrides_the_method(admin_program):
    user = factories.make_user()
    for name in ("X_HTTP_Method_Override", "X_HTTP_Method", "X_Method_Override"):
        path = f"/users/{user.id}"
        assert admin_program.get(f"{path}?_method=DELETE", **{name: "DELETE"}).status_code == 200
        answer = admin_program.post(path, {}, If_Match="*", **{name: "PATCH"})
        assert problem_of(answer) == (405, "method-not-allowed")
        assert answer.headers["Allow"]
    assert not user.is_deleted


def test_a_packed_body_is_refused_and_not_unpacked(admin_program):
    """IN-3: 415, and the header that RFC 9110 (15.5.16) asks for."""
    for encoding in ("gzip", "br", "deflate", "gzip, identity"):
        answer = admin_program.patch("/me", {"first_name": "Eve"}, Content_Encoding=encoding)
        assert problem_of(answer) == (415, "unsupported-media-type")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert admin_program.user.first_name != "Eve"
    assert admin_program.patch("/me", {}, Content_Encoding="identity").status_code == 200


def test_no_header_passes_for_another_ip_address(app, monkeypatch):
    """Without TRUSTED_PROXIES. See tests/test_hosts.py for an app behind a proxy."""
    monkeypatch.setitem(app.config, "API_LIMIT_BY_IP", 1)
    names = ("X_Forwarded_For", "X_Real_IP", "Forwarded", "True_Client_IP", "CF_Connecting_IP")
    anyone = Program(app, None)
    codes = [anyone.get("/me", **{name: "198.51.100.7"}).status_code for name in names]
    assert codes == [401, 429, 429, 429, 429]
