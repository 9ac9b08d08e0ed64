"""A hostile body gets a clear problem, and never a 500."""

import io

import pytest

from app.features.api.tests.programs import Program, problem_of
from app.features.api.web import strict_json

DEEP = 10_000


@pytest.fixture
def send(app, admin):
    program = Program(app, admin)

    def post(body, **options):
        options.setdefault("content_type", "application/json")
        return program.client.patch(
            "/api/v1/me", data=body, headers=program.headers | {"If-Match": "*"}, **options
        )

    return post


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("[" * DEEP + "]" * DEEP, "nested"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "nested"),
        ("[" * DEEP, "nested"),
        ('{"first_name": NaN}', "NaN"),
        ('{"first_name": Infinity}', "Infinity"),
        ('{"first_name": -Infinity}', "-Infinity"),
        ('{"first_name": 1e999}', "too large"),
        ('{"first_name": 9223372036854775808}', "too large"),
        ('{"first_name": -' + "9" * 100_000 + "}", "too large"),
        ('{"first_name": "A", "first_name": "B"}', "twice"),
        ('{"x": {"a": 1, "\\u0061": 2}}', "twice"),
        ('{"first_name": "a\\u0000b"}', "NUL"),
        ('{"first_name": "\\ud800"}', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ("{'first_name': 'A'}", "not JSON"),
        ('{"first_name": "A"} x', "not JSON"),
        ('{"first_name": "A\nB"}', "not JSON"),
        ('{"first_name": "A",}', "not JSON"),
        ("\ufeff{}", "not JSON"),
    ],
    ids=lambda value: value[:24],
)
def test_a_hostile_body_is_refused_with_the_reason(send, body, word):
    answer = send(body.encode())
    assert problem_of(answer) == (400, "bad-request")
    assert word in answer.json["detail"]
    assert len(answer.json["detail"]) < 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings_are_refused(send, encoding):
    assert problem_of(send('{"first_name": "Zoë"}'.encode(encoding)))[0] == 400


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "multipart/form-data",
        ),
        *("application/json; charset=latin-1", "application/json; charset=utf-16", "json"),
    ],
)
def test_another_type_or_charset_is_refused(send, kind):
    assert problem_of(send(b'{"first_name": "A"}', content_type=kind)) == (
        *(415, "unsupported-media-type"),
    )


@pytest.mark.parametrize("length", ["5000", "-1", "abc", "3", "", "0", "99999999999999999999"])
def test_a_body_that_lies_about_its_length_is_refused(send, length):
    answer = send(
        None,
        environ_overrides={
            "wsgi.input": io.BytesIO(b'{"first_name": "Eve"}'),
            "CONTENT_LENGTH": length,
        },
    )
    assert 400 <= problem_of(answer)[0] < 500 if answer.status_code != 200 else True
    assert answer.status_code != 200 or answer.json["first_name"] != "Eve"


def test_a_body_over_the_limit_is_too_large(app, send):
    answer = send(b'{"first_name": "' + b"a" * app.config["MAX_CONTENT_LENGTH"] + b'"}')
    assert problem_of(answer) == (413, "content-too-large")


@pytest.mark.parametrize("value", [[], "text", 1, True, [[]], [{"first_name": "A"}]])
def test_a_body_that_is_no_object_is_refused(app, admin, value):
    assert problem_of(Program(app, admin).patch("/me", value))[0] == 422


def test_texts_with_brackets_are_not_deep():
    text = "[{" * 100 + '\\"]'
    assert strict_json.loads(f'{{"a": "{text}"}}'.encode()) == {"a": "[{" * 100 + '"]'}
    assert strict_json.loads(b"[[[]]]" + b" " * 10) == [[[]]]


@pytest.mark.parametrize("text", ["\\ud83d\\ude00", "\\u00e9", "\\\\u0000", "\\\\ud800"])
def test_other_escapes_are_taken(text):
    assert strict_json.loads(f'["{text}"]'.encode())


@pytest.mark.parametrize(
    "sent",
    [
        {"email": "a\x01@example.com", "password": "x"},
        {"email": "a" * 1_000, "password": "x"},
        {"email": "ada@example.com", "password": "\U0001f600" * 1_000},
        {"email": "ada@example.com", "password": "x", "code": "\u202e1"},
        {"email": "ada@example.com", "password": "x", "name": "\u202eevil"},
        {"email": {"$ne": ""}, "password": ["x"]},
        {"email": "ada@example.com", "password": "x", "access": "admin"},
        {"email": "ada@example.com", "password": "x", "scopes": 255},
    ],
)
def test_hostile_credentials_are_refused(app, make_user, sent):
    make_user(email="ada@example.com")
    assert problem_of(Program(app, None).post("/tokens", sent))[0] in {401, 422}


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer \xff\xfe", "bearer kit_", "Bearer kit_" + "0" * 100_000),
        *("Basic x", "Token kit_x", "Bearer kit_x, Bearer kit_y", "Bearer a=b", "\x00"),
    ],
)
def test_a_hostile_header_signs_nobody_in(app, header):
    answer = Program(app, None).get("/me", Authorization=header)
    assert problem_of(answer) == (401, "unauthorized")


def test_a_body_in_chunks_needs_its_type_too(send):
    """Such a body has no length."""
    for kind, status in (("text/plain", 415), ("application/json", 200)):
        answer = send(
            None,
            content_type=kind,
            environ_overrides={
                "wsgi.input": io.BytesIO(b'{"first_name": "Eve"}'),
                "wsgi.input_terminated": True,
                "HTTP_TRANSFER_ENCODING": "chunked",
            },
        )
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"session_id": 5}', (422, "unprocessable-content")),
        (b"[]", (422, "unprocessable-content")),
        (b"null", (422, "unprocessable-content")),
        (b"x", (400, "bad-request")),
        (b"[" * DEEP, (400, "bad-request")),
    ],
)
def test_an_operation_without_values_ignores_none(app, admin, make_user, body, expected):
    """A field that an operation does not know is an error, also if it knows no field."""
    program = Program(app, admin)
    path = f"/api/v1/users/{make_user().id}"
    for method, at in (("POST", f"{path}/end-sessions"), ("DELETE", f"{path}/sessions/1")):
        sent = {"headers": program.headers, "content_type": "application/json"}
        answer = program.client.open(at, method=method, data=body, **sent)
        assert problem_of(answer) == expected
    for empty in (b"{}", b" ", b""):
        answer = program.client.post(f"{path}/end-sessions", data=empty, **sent)
        assert answer.status_code == 204, empty
