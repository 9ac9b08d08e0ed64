"""URLs with a token are declared, redacted in both logs, and sent to no other site."""

from pathlib import Path
from runpy import run_path
from urllib.parse import quote

import pytest
from flask import Flask, redirect

from app import create_app
from app.kit.web.logs import log_lines
from app.kit.web.token_pages import TokenConverter, TokenRule
from config import ConfigurationError
from tests.routes import RULES, address

ROOT = Path(__file__).parents[2]
SECRETS = {"token", "secret", "code", "key", "signature"}
TOKEN = "WzEsMTc2.a-token_that.works"
TOKEN_RULES = [rule for rule in RULES if isinstance(rule, TokenRule) and rule.has_token]


@pytest.fixture
def fifth(monkeypatch):
    """Return an app with an additional page that has a token in its URL."""
    monkeypatch.setattr(log_lines, "token_paths", set(log_lines.token_paths))
    monkeypatch.setattr(log_lines, "query_paths", set(log_lines.query_paths))
    app = create_app("testing")

    @app.get("/letters/<string:name>/leave/<token:token>/now")
    def leave(name, token):
        return redirect("/")

    return app


def lines_of_gunicorn(text):
    """Return the lines that gunicorn's access log and error log write for `text`."""
    conf = run_path(str(ROOT / "gunicorn.conf.py"))
    conf["redact_tokens"]()
    return conf["Atoms"]({"r": text})["r"], conf["redact"](text)


def test_a_secret_in_a_url_is_declared_as_a_token():
    for rule in RULES:
        undeclared = {
            name
            for name in rule.arguments & SECRETS
            if not isinstance(rule._converters[name], TokenConverter)
        }
        assert not undeclared, (
            f"Write <token:{min(undeclared)}> in {rule}, so that no log holds it; or give the "
            "argument another name if everyone may read it."
        )


def test_there_are_pages_with_tokens():
    assert {rule.endpoint for rule in TOKEN_RULES} >= {
        *("account.confirm", "account.reset_password", "account.change_email"),
    }


@pytest.mark.parametrize("rule", TOKEN_RULES, ids=str)
def test_no_log_holds_a_token(rule):
    """TK-7"""
    path = address(rule).replace("x.y", TOKEN)
    assert TOKEN in path
    for spelling in (path, quote(path, safe=""), quote(quote(path, safe=""), safe="")):
        text = f"GET /account/login?next={spelling} HTTP/1.1"
        for line in (log_lines.redact(text), *lines_of_gunicorn(text)):
            assert TOKEN not in line, line
            assert "***" in line


@pytest.mark.parametrize("rule", TOKEN_RULES, ids=str)
def test_every_answer_to_a_url_with_a_token_keeps_it_secret(rule, client, make_user):
    """TK-7: pages, redirects and error pages."""
    for user in (None, make_user(), make_user(confirmed=False)):
        if user is not None:
            client.enter(user)
        for response in (client.get(address(rule)), client.post(address(rule))):
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-store"


def test_a_page_that_is_added_later_is_kept_secret_by_its_declaration(fifth, caplog):
    caplog.set_level("DEBUG")
    path = f"/letters/a%20letter/leave/{TOKEN}/now"
    response = fifth.test_client().get(path)
    assert response.status_code == 302
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert TOKEN not in caplog.text
    for spelling in (path, path.replace("%20", "-"), quote(path, safe="")):
        for line in (
            log_lines.redact(f"GET {spelling} 302"),
            *lines_of_gunicorn(f"GET {spelling}"),
        ):
            assert TOKEN not in line, line
            assert "now" in line or "%2F" in spelling


def test_a_secret_query_is_in_no_log(fifth, caplog):
    """TK-7"""
    caplog.set_level("DEBUG")
    rule = "/partners/<string:name>/answer"
    fifth.add_url_rule(rule, "answer", lambda name: redirect("/"), has_secret_query=True)
    path, query = "/partners/acme/answer", "state=aB1/c&code=d2%2F3"
    response = fifth.test_client().get(f"{path}?{query}")
    assert response.status_code == 302
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert "aB1" not in caplog.text
    for url in (f"{path}?{query}", quote(f"{path}?{query}", safe="")):
        text = f'"GET {url} HTTP/1.1" 302'
        for line in (log_lines.redact(text), *lines_of_gunicorn(text)):
            assert "aB1" not in line, line
            assert "d2" not in line, line
            assert line.endswith("302")
    assert log_lines.redact(f"GET {path} 302") == f"GET {path} 302"


def test_a_custom_kind_of_token_is_redacted(fifth):
    class Signed(TokenConverter):
        """A token of another format."""

    fifth.url_map.converters["signed"] = Signed
    fifth.add_url_rule("/calendar/<signed:link>", "calendar", lambda link: "")
    assert log_lines.redact(f"GET /calendar/{TOKEN}") == "GET /calendar/***"


@pytest.mark.parametrize("url", ["/<token:token>", "/files/<path:name>/<token:token>"])
def test_a_token_that_no_log_line_could_tell_stops_the_start(url):
    app = Flask(__name__)
    app.url_rule_class = TokenRule
    app.url_map.converters["token"] = TokenConverter
    with pytest.raises(ConfigurationError, match="put a word before the token"):
        app.add_url_rule(url, "page", lambda **_: "")
