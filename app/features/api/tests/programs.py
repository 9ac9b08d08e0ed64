"""Programs that call the API with tokens, for the tests of resources.

CALLS of `tests/access.py`, and of the `tests/test_api.py` of a feature, has a working call of each
operation. Tests of the whole API send them with tokens that may and may not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.extensions import db
from app.features.api import token_format
from app.features.api.models import ApiToken, TokenAccess, TokenKind
from app.models import Permission, User
from tests import factories

BASE = "/api/v1"


class Program:
    """A program with a token of a user, by default with all permissions that the user has."""

    # Calls of CALLS have no arguments for fixtures, such as a queue.
    fixture: Callable[[str], Any]

    def __init__(
        self,
        app: Flask,
        user: User | None,
        *,
        scopes: int = Permission.ADMINISTER,
        access: str = "",
    ) -> None:
        self.client: Any = app.test_client()
        self.user, self.token, self.headers = user, None, dict[str, str]()
        if user is not None:
            secret = token_format.new_secret()
            self.token = ApiToken(
                user=user,
                name="Test",
                kind=TokenKind.PERSONAL,
                access=access or TokenAccess.WRITE,
                scopes=scopes,
                secret_hash=token_format.hash_of(secret),
            )
            db.session.add(self.token)
            db.session.commit()
            self.headers["Authorization"] = f"Bearer {secret}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request. Underscores in the names of headers stand for dashes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        values: dict[str, Any] = {} if body is None else {"json": body}
        sent: TestResponse = self.client.open(
            BASE + path if not path.startswith("/api") else path,
            method=method,
            headers=self.headers | given,
            **values,
        )
        return sent

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        """Send a change, by default with the ETag of the present state."""
        headers.setdefault("If_Match", self.get(path).headers.get("ETag", '"none"'))
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.call("DELETE", path, **headers)


@dataclass(frozen=True)
class Call:
    """A call of an operation that works, and the event that it leaves in the audit trail.

    An operation that leaves none says in `without_event` why. `others` are calls that leave other
    events.
    """

    send: Callable[[Program], TestResponse]
    event: str = ""
    without_event: str = ""
    others: tuple["Call", ...] = ()


def get(path: str) -> Call:
    """Return the call that reads a path."""
    return Call(lambda program: program.get(path))


def on_user(method: str, path: str, body: Any = None, *, event: str = "", **values: Any) -> Call:
    """Return a call about a new user, whose id stands in the path for {}."""

    def send(program: Program) -> TestResponse:
        url = path.format(factories.make_user(**values).id)
        return program.patch(url, body) if method == "PATCH" else program.call(method, url, body)

    return Call(send, event)


@pytest.fixture
def program(app: Flask) -> Callable[..., Program]:
    """Return a function that makes a program with a token of a user."""
    return lambda user, **values: Program(app, user, **values)


@pytest.fixture
def admin_program(app: Flask, admin: User) -> Program:
    """Return a program with a token of an administrator."""
    return Program(app, admin)


def problem_of(response: TestResponse) -> tuple[int, str]:
    """Return the status and the code of a problem, and check its form."""
    assert response.mimetype == "application/problem+json", response.text
    body: Any = response.json
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert {"type", "title", "detail", "code"} <= body.keys()
    return response.status_code, body["code"]
