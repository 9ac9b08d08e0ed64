"""Every error below /api/ is a problem in JSON, and never a page or a redirect."""

import pytest
from sqlalchemy.exc import OperationalError

from app.features.api.tests.programs import admin_program, problem_of, program

__all__ = ["admin_program", "program"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/api", {}, (404, "not-found")),
        ("GET", "/api/nowhere", {"Accept": "text/html"}, (404, "not-found")),
        ("GET", "/api/v1/users/", {}, (404, "not-found")),
        ("GET", "/api/v1//users", {}, (404, "not-found")),
        ("GET", "/api/v1/users/x", {}, (404, "not-found")),
        ("GET", "/api/v1/users/99999999999999999999", {}, (404, "not-found")),
        ("GET", "/api/v1/users/\u0661", {}, (404, "not-found")),
        ("PUT", "/api/v1/users", {}, (405, "method-not-allowed")),
        ("GET", "/api/v1/me", {"Accept": "text/html"}, (406, "not-acceptable")),
        ("PATCH", "/api/v1/me", {}, (428, "precondition-required")),
        (
            "PATCH",
            "/api/v1/me",
            {"If-Match": '"x"', "Content-Type": "text/plain"},
            (415, "unsupported-media-type"),
        ),
        ("GET", "/api/v1/users?limit=0", {}, (422, None)),
    ],
)
def test_an_error_is_a_problem(admin_program, method, path, headers, expected):
    body = "{}" if method == "PATCH" and "Content-Type" in headers else None
    answer = admin_program.client.open(
        path, method=method, headers=admin_program.headers | headers, data=body
    )
    status, code = problem_of(answer)
    assert (status, code if expected[1] else None) == expected
    assert "Location" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_json_is_acceptable_with_parameters(admin_program):
    for value in ("application/json; charset=utf-8", "text/html, application/json;v=2;q=0.5", ","):
        assert admin_program.get("/me", Accept=value).status_code == 200, value
    for value in ("application/json;charset=utf-8;q=0", "text/html;charset=utf-8", "*/*;q=0"):
        assert admin_program.get("/me", Accept=value).status_code == 406, value


def test_a_body_that_is_no_json_is_a_bad_request(admin_program):
    for body in (b"{", b"\xff", b'{"first_name": '):
        answer = admin_program.client.patch(
            "/api/v1/me",
            data=body,
            content_type="application/json",
            headers=admin_program.headers | {"If-Match": "*"},
        )
        assert problem_of(answer) == (400, "bad-request")


def test_wrong_fields_are_named(admin_program):
    sent = {"first_name": "", "last_name": 7, "role": "Administrator"}
    answer = admin_program.patch("/me", sent)
    assert answer.status_code == 422
    pointers = {one["pointer"] for one in answer.json["errors"]}
    assert pointers == {"#/first_name", "#/last_name", "#/role"}
    assert admin_program.patch("/me", []).status_code == 422


def test_an_error_of_ours_says_nothing_but_the_id_of_the_request(app, admin_program, monkeypatch):
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(**_values):
        raise RuntimeError("SELECT secret")

    fail.api_access = app.view_functions["api.get_me"].api_access
    monkeypatch.setitem(app.view_functions, "api.get_me", fail)
    answer = admin_program.get("/me")
    assert problem_of(answer) == (500, "internal-server-error")
    assert "SELECT" not in answer.text


def test_a_database_that_is_away_is_503(app, admin_program, monkeypatch):
    def fail(**_values):
        raise OperationalError("SELECT", {}, Exception("away"))

    fail.api_access = app.view_functions["api.get_me"].api_access
    monkeypatch.setitem(app.view_functions, "api.get_me", fail)
    answer = admin_program.get("/me")
    assert problem_of(answer) == (503, "service-unavailable")
    assert answer.headers["Retry-After"]


def test_plain_http_is_refused_and_not_redirected(production):
    app = production(API_CORS_ORIGINS="")
    for path in ("/api/v1/me", "/api/nowhere"):
        answer = app.test_client().get(path, base_url="http://app.example.com")
        assert answer.status_code == 403
        assert answer.mimetype == "application/problem+json"


def test_cookies_sign_nobody_in(app, admin):
    browser = app.test_client()
    browser.enter(admin)
    answer = browser.get("/api/v1/me")
    assert problem_of(answer) == (401, "unauthorized")
    assert "Set-Cookie" not in answer.headers


def test_a_token_signs_in_no_page(app, admin_program):
    answer = admin_program.client.get("/admin/users", headers=admin_program.headers)
    assert answer.location.startswith("/account/login")


def test_options_lists_the_methods_and_has_no_body(app, client):
    for path, allowed in (("/me", "GET, HEAD, OPTIONS, PATCH"), ("/tokens/current", "DELETE, OPT")):
        answer = client.options(f"/api/v1{path}", headers={"Accept-Encoding": "br"})
        assert answer.status_code == 204
        assert ", ".join(sorted(answer.headers["Allow"].split(", "))).startswith(allowed)
        assert not {"Content-Type", "Content-Encoding", "Content-Length"} & {*answer.headers.keys()}


def test_the_description_has_the_headers_of_problems(client):
    found = client.get("/api/v1/openapi.json").json
    problems = found["components"]["responses"]
    assert "WWW-Authenticate" in problems["UNAUTHORIZED"]["headers"]
    assert "Retry-After" in problems["TOO_MANY_REQUESTS"]["headers"]
    answers = found["paths"]["/api/v1/users"]["post"]["responses"]
    assert {"ETag", "Location"} <= answers["201"]["headers"].keys()
