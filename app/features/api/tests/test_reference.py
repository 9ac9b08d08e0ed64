"""The pages about the API, and the examples and code that they show: all of them work."""

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from app import create_app
from app.features.api import reference
from app.features.api.tests.programs import BASE, Program
from app.features.api.tests.test_operations import ENDPOINTS, _fixtures
from app.features.api.web import description
from app.models import Role
from tests.routes import APP, RULES, row

__all__ = ["_fixtures"]

WRONG = {400, 404, 405, 406, 415, 422}


def described(app):
    return reference.groups(description.of(app))


OPERATIONS = [one for group in described(APP) for one in group.operations]


def path_of(rule):
    """Return the path of a rule as OpenAPI writes it."""
    parts = []
    for part in str(rule).split("/"):
        name = part.strip("<>").rpartition(":")[2]
        parts.append(f"{{{name}}}" if part.startswith("<") else part)
    return "/".join(parts)


def operation_of(endpoint) -> Any:
    rule = next(one for one in RULES if one.endpoint == endpoint)
    method = (rule.methods - {"OPTIONS", "HEAD"}).pop()
    spec = description.of(APP)["paths"][path_of(rule)][method.lower()]
    return next(one for one in OPERATIONS if one.key == spec["operationId"]), spec


class Exemplary(Program):
    """A program that sends the example of the description in place of the body of a call."""

    example: Any = None

    def call(self, method, path, body=None, **headers):
        if method != "GET":  # The rows of the example are not there.
            ids = {"ids": body["ids"]} if isinstance(body, dict) and "ids" in body else {}
            body = {**self.example, **ids}
        return super().call(method, path, body, **headers)


def test_nothing_is_described_before_the_description_is_read():
    app = create_app("testing")
    spec = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec
    begun = spec.to_dict()
    assert not begun["paths"]
    assert "components" not in begun
    assert description.of(app)["components"].keys() >= {"responses", "schemas", "securitySchemes"}


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if operation_of(one)[0].fields])
def test_the_example_of_a_body_is_valid(endpoint, app, admin, make_user):
    _operation, spec = operation_of(endpoint)
    example = dict(spec["requestBody"]["content"]["application/json"]["example"])
    for name, value in example.items():
        if name == "role_id":
            example[name] = Role.get_default().id
        if name == "user_ids":
            example[name] = [make_user().id]
        if name == "secret":  # The published one is refused.
            example[name] = value.replace("M", "N")
    program = Exemplary(app, admin)
    program.example = example
    answer = row("CALLS", endpoint).send(program)
    assert answer.status_code not in WRONG, (
        f"Give the fields of {endpoint} examples that are valid, by metadata={{'example': …}}: "
        f"{answer.text}"
    )


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.key)
def test_the_code_of_an_operation_runs(one):
    """The lines of Python make the call that the line for a shell makes."""
    sent = []

    def record(method):
        def send(path, json=None, params=None, headers=None, content=None):
            sent.append(
                (
                    method,
                    BASE + path,
                    content if json is None else json,
                    params or {},
                    headers or {},
                )
            )
            tag = SimpleNamespace(headers={"ETag": "tag"}, raise_for_status=lambda: None)
            tag.json = lambda: {"items": []}
            return tag

        return send

    api = SimpleNamespace(**{method: record(method) for method in reference.METHODS})
    exec(compile(one.python, one.key, "exec"), {"api": api})  # noqa: S102 - our own lines
    method, path, body, params, headers = sent[-1]
    words = shlex.split(one.curl)
    url = next(word for word in words if "://" in word)
    query = "&".join(f"{name}={value}" for name, value in params.items())
    assert url.endswith(path + (f"?{query}" if query else ""))
    assert method == one.method.lower()
    assert (f"-X {one.method}" in one.curl) == (method != "get")
    assert ("If-Match" in headers) == ("If-Match: $ETAG" in one.curl)
    kind = headers.get("Content-Type", "application/json")
    assert (f"Content-Type: {kind}" in words) == (body is not None)


def test_each_operation_is_on_the_page_of_its_group(app, client):
    start = client.get("/api/docs")
    assert start.status_code == 200
    for group in described(app):
        path = f"/api/docs/{group.slug}"
        assert f'href="{path}"' in start.text
        page = client.get(path).text
        for one in group.operations:
            assert f'id="{one.key}"' in page
            assert one.title
            assert not one.text.endswith(" ")
    assert client.get("/api/docs/nowhere").status_code == 404


def test_the_type_of_a_problem_is_an_anchor_of_the_page(app, client):
    page = client.get("/api/docs").text
    body = client.get("/api/v1/me").json
    assert body["type"].partition("/api/docs#")[2] == "unauthorized"
    for code in ("unauthorized", "email-taken", "precondition-failed"):
        assert f'id="{code}"' in page
