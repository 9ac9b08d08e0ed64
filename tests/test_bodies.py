"""Bodies, URLs and headers that no browser sends are refused or ignored, and cause no error."""

import io
import re
from urllib.parse import quote_plus

import pytest

from tests.noted import noted
from tests.routes import FORMS, address, rows
from tests.support import PASSWORD

LOGIN = "/account/login"

# Texts that databases, decoders and parsers failed on (finding 7 of the security bar).
ODD_TEXTS = {
    "nul": "a\0b",
    "surrogate": "\ud800",
    "long": "x" * 70_000,
    "large number": str(2**31),
    "huge number": "1" + "0" * 20,
    "thousands of digits": "9" * 5000,
    "negative": "-1",
    "not a number": "NaN",
    "empty": "",
    "blank": " \t ",
    "line breaks": "a\r\nBcc: v@example.com",
    "markup": '"><script>alert(1)</script>',
    "template": "{{7*7}}{% include 'x' %}",
    "quote": "' OR 1=1 --",
    "wildcards": "%_\\",
    "right to left": "\u202etxt.exe\u2066",
    "emoji": "👩‍👩‍👧‍👦" * 20,
    "combining": "e" + "\u0301" * 300,
    "wide": "\ufdfa" * 60,
    "format": "%s%n{0}{}",
    "odd address": "a@b@c@example.com",
    "kelvin": "\u212a@example.com",
    "punycode": "a@xn--a.example",
    "ip address": "a@[127.0.0.1]",
    "dots": "a@" + "b." * 120 + "com",
}


VALID = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "fresh@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
    "old_password": PASSWORD,
    "new_password": PASSWORD,
    "new_password2": PASSWORD,
    "editor_name": "about",
    "edit_data": "<p>text</p>",
}


def encoded(fields):
    """Encode a form as a browser would, except for lone surrogates, which stay as they are."""
    return "&".join(
        f"{quote_plus(name)}={quote_plus(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in fields.items()
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(rows("FIELDS")))
def test_odd_text_in_any_field_is_never_an_error(path, admin, make_user, monkeypatch, app, undone):
    """IN-1"""
    monkeypatch.setattr("app.extensions.limiter.enabled", False)
    admin.password = PASSWORD
    client = app.test_client()
    form_at = path
    if path.startswith(("/admin", "/account/manage", "/account/re")) and "reset" not in path:
        client.enter(admin)
        form_at = "/account/manage"
    token = client.csrf_token(form_at)
    role = admin.role_id
    target = make_user().id if "{id}" in path else 0
    for field in rows("FIELDS")[path]:
        for kind, text in ODD_TEXTS.items():
            fields = {**VALID, "role": str(role), field: text}
            sent = {name: fields.get(name, "") for name in rows("FIELDS")[path]}
            with undone(client):  # A form that has an effect may end the session.
                response = client.post(
                    path.format(id=target),
                    data=encoded({**sent, "csrf_token": token}),
                    content_type="application/x-www-form-urlencoded",
                )
            assert response.status_code in {200, 302, 400}, (field, kind)


# Each of these is sent by itself above; here one text has all of their signs.
SIGNS = ("markup", "template", "quote", "wildcards", "right to left", "format")
TEXTS = {kind: text for kind, text in ODD_TEXTS.items() if kind not in SIGNS}
TEXTS["signs"] = "".join(ODD_TEXTS[kind] for kind in SIGNS)
FIELD = re.compile(r'<(?:input|select|textarea|button)[^>]* name="([^"]+)"')


# The test above sends each text in each field of the other forms.
ALONE = {path.replace("{id}", "<int:user_id>") for path in rows("FIELDS")}


@pytest.mark.parametrize("rule", [one for one in FORMS if str(one) not in ALONE], ids=str)
def test_odd_texts_in_all_fields_of_any_form_are_never_an_error(
    rule, app, admin, make_user, monkeypatch, undone
):
    """IN-1: including forms that are added later, in any blueprint."""
    monkeypatch.setattr("app.extensions.limiter.enabled", False)
    browser, path = app.test_client(), address(rule, make_user().id)
    browser.enter(admin)
    pages = [browser.get(path, follow_redirects=True).text] if "GET" in rule.methods else []
    fields = {*VALID, "role", "next", "search", "page", "sort", "action", "user_ids", "session"}
    fields.update(*map(FIELD.findall, pages))
    token = browser.csrf_token("/")
    asked = noted(app, monkeypatch)
    for kind, text in TEXTS.items():
        sent = dict.fromkeys(fields, text) | {"csrf_token": token}
        with undone(browser):  # A form that has an effect may end the session.
            response = browser.post(
                path, data=encoded(sent), content_type="application/x-www-form-urlencoded"
            )
        assert response.status_code < 500, kind
        if asked <= {"csrf_token"}:
            break  # A view that reads no field answers every text alike.


@pytest.mark.parametrize("kind", ODD_TEXTS)
def test_odd_text_in_an_address_is_never_an_error(kind, client, admin):
    """IN-1, F29"""
    client.enter(admin)
    text = ODD_TEXTS[kind][:2000]
    query = encoded(dict.fromkeys(("search", "role", "sort", "page", "next"), text))
    for path in ("/admin/users", "/account/reauthenticate", "/", "/account/manage"):
        response = client.get(path, query_string=query)
        assert response.status_code in {200, 302}, path


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "1" + "0" * 20, "abc", "1.5", "%00"])
def test_an_id_that_cannot_be_is_not_found(client, admin, number):
    """IN-1"""
    client.enter(admin)
    for page in ("", "/info", "/suspend", "/change-name", "/change-email", "/change-account-type"):
        assert client.get(f"/admin/user/{number}{page}").status_code == 404


# JSON


JSON = [
    "[1, 2]",
    "1",
    "null",
    '"text"',
    "{}",
    '{"email": 5, "password": {"a": []}}',
    "{",
    "",
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"password": "\\ud800", "email": ["x"]}',
    '{"password": 1e400}',
    "\ufeff{}",
]


@pytest.mark.parametrize("path", [LOGIN, "/account/register", "/account/check-password"])
@pytest.mark.parametrize("body", JSON, ids=range(len(JSON)))
def test_json_of_any_shape_is_never_an_error(client, path, body):
    """IN-1: forms read only form data, and JSON endpoints accept only an object."""
    token = client.csrf_token(LOGIN)
    response = client.post(
        path, data=body.encode(), content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert response.status_code in {200, 400}


def test_a_form_does_not_take_json(client, make_user):
    user = make_user()
    response = client.post(
        LOGIN,
        json={"email": user.email, "password": PASSWORD},
        headers={"X-CSRFToken": client.csrf_token(LOGIN)},
    )
    assert response.status_code == 200
    assert not client.is_signed_in()


def test_a_file_in_place_of_text_is_left_out(client):
    """IN-1"""
    for field in ("email", "password", "remember_me"):
        sent = {"email": "a@example.com", "password": "x"}
        sent[field] = (io.BytesIO(b"x"), "x.txt")
        response = client.post(LOGIN, data=sent, headers={"X-CSRFToken": client.csrf_token(LOGIN)})
        assert response.status_code == 200, field


# Size


LIMIT = 1024 * 1024


def as_chunks(body, encoding="chunked"):
    """Return a chunked body as gunicorn passes it on: a stream that ends, without a length."""
    return {
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": encoding,
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
    }


@pytest.mark.parametrize(
    "path", [LOGIN, "/account/register", "/account/check-password", "/nowhere"]
)
def test_a_body_over_the_limit_is_refused(client, path):
    """IN-3, F27"""
    response = client.post(path, data=b"a=" + b"x" * (LIMIT + 1))
    assert response.status_code == 413
    assert "too large" in response.text


@pytest.mark.parametrize("encoding", ["chunked", "Chunked", "gzip, chunked"])
def test_a_body_over_the_limit_is_refused_in_chunks_too(client, encoding):
    """IN-3, F27: and it is not cut short."""
    body = b"email=a@example.com&password=" + b"x" * (LIMIT + 1)
    response = client.post(LOGIN, environ_overrides=as_chunks(body, encoding))
    assert response.status_code == 413


def test_a_small_body_in_chunks_is_read_whole(client, make_user):
    """IN-3"""
    user = make_user()
    fields = {"email": user.email, "password": PASSWORD, "csrf_token": client.csrf_token(LOGIN)}
    response = client.post(LOGIN, environ_overrides=as_chunks(encoded(fields).encode()))
    assert response.status_code == 302
    assert client.is_signed_in()


def test_only_as_much_is_read_of_endless_chunks_as_is_needed_to_refuse_them(client):
    """IN-3"""

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size > 0, "everything at once"
            self.taken += size
            return b"x" * size

    stream = Endless()
    environ = {**as_chunks(b""), "wsgi.input": stream}
    assert client.post(LOGIN, environ_overrides=environ).status_code == 413
    assert stream.taken <= LIMIT + 64 * 1024


def test_ten_thousand_fields_are_no_error(client):
    """F27"""
    body = "&".join(f"f{n}=1" for n in range(10_000))
    response = client.post(
        LOGIN,
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"X-CSRFToken": client.csrf_token(LOGIN)},
    )
    assert response.status_code in {200, 400, 413}


def test_fifteen_hundred_parts_are_refused(client):
    """F27"""
    part = "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n"
    response = client.post(
        LOGIN, data=part * 1500 + "--b--\r\n", content_type="multipart/form-data; boundary=b"
    )
    assert response.status_code == 413


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "nonsense",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/plain",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/json; charset=no-such",
        "multipart/form-data; boundary=\xff",
        "image/png",
        "application/x-www-form-urlencoded;;;=",
    ],
)
def test_a_body_of_another_type_is_no_error(client, content_type):
    """F31"""
    response = client.post(
        LOGIN,
        data=b"\xff\xfe\x00--b\r\n\r\nemail=x",
        headers={"Content-Type": content_type, "X-CSRFToken": client.csrf_token(LOGIN)},
    )
    assert response.status_code in {200, 400, 413}


# Invalid text


@pytest.mark.parametrize(
    "path",
    [
        "/%ff%fe",
        "/account/login?%ff=%fe",
        "/static/%ff",
        "/admin/users?search=%c3%28",
        "/account/confirm-account/%ff",
        "/account/reset-password/%00",
        "/%0d%0aSet-Cookie:x=1",
        "/" + "a" * 9000,
        "/?" + "a" * 9000,
        "//evil.example/%2e%2e",
        "/../../etc/passwd",
        "/static/../config.py",
        "/static/%2e%2e/%2e%2e/config.py",
        "/.env",
        "/.git/HEAD",
        "/console",
        "/?__debugger__=yes&cmd=x",
    ],
)
def test_an_odd_address_is_no_error_and_opens_no_file(client, admin, path):
    """F29, F30, CF-2, CF-3"""
    client.enter(admin)
    response = client.get(path)
    assert response.status_code in {200, 301, 302, 308, 400, 404, 414}, path
    assert "SECRET_KEY" not in response.text
    assert "evil.example" not in response.headers.get("Location", "").split("/")[:3]


def test_invalid_utf8_in_a_form_is_no_error(client):
    """F29"""
    token = client.csrf_token(LOGIN)
    for body in (b"email=%ff%fe&password=%c3%28", b"email=\xff\xfe&password=\xc3\x28"):
        response = client.post(
            LOGIN,
            data=body,
            content_type="application/x-www-form-urlencoded",
            headers={"X-CSRFToken": token},
        )
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "q=;;;/*"),
        ("Accept", "application/xml"),
        ("Accept", "\xff\xfe"),
        ("Accept-Language", ";;q=x" * 50),
        ("Accept-Encoding", "br;q=nan, *;q=-1"),
        ("Accept-Encoding", "identity;q=0, *;q=0"),
        ("User-Agent", "\xff" * 5000),
        ("Referer", "\xff\xfe"),
        ("Range", "bytes=9-1"),
        ("If-None-Match", '"' * 100),
        ("If-Modified-Since", "never"),
        ("Authorization", "Basic \xff"),
        ("Content-Length", "-5"),
        ("X-Request-ID", "a\tb" * 100),
        ("X-Forwarded-For", "\xff" * 3000),
        ("Forwarded", "for=\xff"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Expect", "x"),
        ("X-Filler", "x" * 100_000),
    ],
)
def test_an_odd_header_is_no_error(client, name, value):
    """F30, F31"""
    for path in ("/", LOGIN, "/nowhere"):
        response = client.get(path, headers={name: value})
        assert response.status_code in {200, 404, 406}, path


def test_the_browsers_name_is_kept_short_and_as_it_is(client, make_user, app):
    """IN-1: it comes from the visitor and is stored in a column of 255 characters."""
    user = make_user()
    response = client.submit(
        LOGIN,
        {"email": user.email, "password": PASSWORD},
        headers={"User-Agent": "é<b>" * 500},
    )
    assert response.status_code == 302
    assert client.is_signed_in()
