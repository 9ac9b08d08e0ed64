"""Log lines contain no token, and no text in them starts another line or controls a terminal."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from runpy import run_path
from typing import Any, cast
from urllib.parse import quote

import pytest
from flask_login import login_required
from gunicorn.config import Config
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app import create_app
from app.extensions import db
from app.kit.web.logs.json_lines import JsonFormatter
from app.kit.web.logs.log_lines import LineFormatter, redact
from tests.factories import make_user
from tests.support import Browser

ROOT = Path(__file__).parents[1]
TOKEN = "WzEsMTc2.a-token_that.works"
PATHS = (
    f"/account/confirm-account/{TOKEN}",
    f"/account/reset-password/{TOKEN}",
    f"/account/manage/change-email/{TOKEN}",
    f"/account/manage/change-email/{TOKEN}",
)
# NEL and CSI in Latin-1, as gunicorn reads headers; U+2028, and marks that reverse text.
CONTROLS = "\x85\x9b\r\n\x1b\u2028\u2029\u202e\u2066\ud800"


@pytest.fixture(scope="module", autouse=True)
def application() -> None:
    """Load the URL rules, which tell where tokens are."""
    create_app("testing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("times", range(6))
def test_a_token_is_redacted_however_often_it_is_encoded(path: str, times: int) -> None:
    for _ in range(times):
        path = quote(path, safe="")
    for text in (
        f"GET /account/login?next={path} HTTP/1.1",
        f"{path}?x=1",
        f"Referer: http://x{path}",
    ):
        assert TOKEN not in redact(text)
        assert TOKEN.rpartition(".")[2] not in redact(text)


@pytest.mark.parametrize(
    "path",
    [
        f"/account/%72eset-password/{TOKEN}",
        f"/account//reset-password///{TOKEN}",
        f"/%2561ccount/%72eset%2Dpassword/{TOKEN}",
        f"/account/login?next=%2Faccount%2F%72eset-password%2F{TOKEN}",
        f"/account/reset-password/%57{TOKEN[1:]}",
    ],
)
def test_a_token_is_redacted_in_any_spelling_that_opens_the_page(path: str) -> None:
    assert TOKEN[1:] not in redact(f"GET {path} HTTP/1.1")


def test_other_texts_stay_as_they_are() -> None:
    for text in (
        "GET /account/reset-password 200",
        "100 % of /a%20b",
        "/account/reset-password/***",
    ):
        assert redact(text) == text


def test_a_traceback_holds_no_token_and_begins_no_line() -> None:
    try:
        raise ValueError(f"http://x{PATHS[1]} \n2026-01-01 INFO forged\x9b2J")
    except ValueError:
        record = logging.LogRecord("x", 40, "x", 1, "failed", (), sys.exc_info())
    text = LineFormatter("%(asctime)s %(message)s").format(record)
    first, *others = text.splitlines()
    assert first.endswith("failed")
    assert "ValueError" in text
    assert TOKEN not in text
    assert "\x9b" not in text
    assert others
    assert all(line.startswith("  ") for line in others)


@pytest.fixture(scope="module")
def gunicorn_conf() -> dict[str, Any]:
    conf = run_path(str(ROOT / "gunicorn.conf.py"))
    conf["redact_tokens"]()
    return conf


def test_a_line_of_the_access_log_cannot_be_forged(gunicorn_conf: dict[str, Any]) -> None:
    """A quoted text ends only where its field does, whatever a visitor sends."""
    for sent in (
        CONTROLS,
        '1.2.3.4" 200 "',
        "\\",
        '\\"',
        '1.2.3.4) [28/Nov/2026] "GET /admin" 200',
    ):
        atoms = gunicorn_conf["Atoms"](
            {"h": "127.0.0.1", "t": "[now]", "r": f"GET /{sent}", "s": "404", "b": 5, "M": 1}
            | {"f": sent, "a": sent, "{x-forwarded-for}i": sent, "{x-request-id}o": "1f"}
        )
        line = gunicorn_conf["access_log_format"] % atoms
        assert len(line.splitlines()) == 1
        assert line.isascii()
        assert line.isprintable()
        text = r'"((?:[^"\\]|\\.)*)"'
        shape = rf"127\.0\.0\.1 {text} \[now\] {text} 404 5 1ms {text} {text} \[1f\]"
        found = re.fullmatch(shape, line)
        assert found, line
        assert found[1] == found[3] == found[4]


def test_a_line_of_json_holds_its_parts_and_no_token() -> None:
    """A collector reads each line by itself, so no text may start another one."""
    formatter = JsonFormatter(redact)
    try:
        raise ValueError(f"http://x{PATHS[1]} {CONTROLS}")
    except ValueError:
        record = logging.LogRecord("app.x", 40, "x", 1, "no %s", (PATHS[1],), sys.exc_info())
    record.request_id = "1f"
    record.fields = {"path": PATHS[0], "user_id": 7, "odd": {1, 2}}
    text = formatter.format(record)
    assert text.isascii()
    assert text.isprintable()
    assert TOKEN not in text
    line = json.loads(text)
    assert datetime.fromisoformat(line["at"]).tzinfo
    assert line["message"] == "no /account/reset-password/***"
    assert (line["level"], line["logger"], line["request_id"]) == ("ERROR", "app.x", "1f")
    assert (line["user_id"], line["path"]) == (7, "/account/confirm-account/***")
    assert line["error"] == "ValueError"
    assert line["traceback"][0] == "Traceback (most recent call last):"
    assert "request_id" not in json.loads(formatter.format(logging.makeLogRecord({})))


def test_a_request_is_one_line_of_json(own_database: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"SQLALCHEMY_DATABASE_URI": own_database, "LOG_FORMAT": "json"}
    app = create_app("testing", settings)
    with caplog.at_level(logging.INFO, "app.requests"):
        answer = app.test_client().get("/account/login?next=/x")
        app.test_client().get(PATHS[1])
        app.test_client().get("/not/here")
    page, link, missing = (record.__dict__["fields"] for record in caplog.records)
    assert page["route"] == page["path"] == "/account/login"
    assert (page["method"], page["status"], page["user_id"]) == ("GET", 200, None)
    assert page["ms"] > 0
    assert page["address"] == "127.0.0.1"
    assert link["route"] == "/account/reset-password/<token:token>"
    assert (missing["route"], missing["status"]) == (None, 404)
    assert answer.headers["X-Request-ID"]


def test_a_request_whose_database_went_away_has_its_line(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(
        "testing",
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "LOG_FORMAT": "json",
            "PROPAGATE_EXCEPTIONS": False,
        },
    )
    app.test_client_class = Browser
    is_away = threading.Event()

    def refuse(*_statement: object) -> None:
        if is_away.is_set():
            raise OperationalError("", {}, Exception("server closed the connection"))

    @app.get("/for-users")
    @login_required
    def for_users() -> str:
        is_away.set()
        db.session.rollback()  # so that the user would be read anew
        db.session.execute(db.text("SELECT 1"))
        return ""

    browser = cast(Browser, app.test_client())
    with app.app_context(), caplog.at_level(logging.INFO, "app.requests"):
        user = make_user()
        user_id = user.id
        browser.enter(user)
        event.listen(db.engine, "before_cursor_execute", refuse)
        caplog.clear()
        assert browser.get("/for-users").status_code == 503
        fields = caplog.records[-1].__dict__["fields"]
    assert (fields["status"], fields["user_id"]) == (503, user_id)


def test_gunicorn_leaves_requests_to_the_app_when_logs_are_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    conf = run_path(str(ROOT / "gunicorn.conf.py"))
    assert conf["accesslog"] is None
    config = Config()
    config.set("errorlog", str(tmp_path / "error.log"))
    # As Heroku does, by GUNICORN_CMD_ARGS.
    config.set("accesslog", str(tmp_path / "access.log"))
    logger = conf["logger_class"](config)
    logger.warning("Booting %s", "a worker")
    logger.access(None, None, {}, timedelta(0))
    for handler in [*logger.error_log.handlers, *logger.access_log.handlers]:
        handler.close()
    assert (tmp_path / "access.log").read_text() == ""
    assert json.loads((tmp_path / "error.log").read_text())["message"] == "Booting a worker"


def test_gunicorns_error_log_is_cleaned_too(gunicorn_conf: dict[str, Any], tmp_path: Path) -> None:
    config = Config()
    config.set("errorlog", str(tmp_path / "error.log"))
    logger = gunicorn_conf["logger_class"](config)
    logger.warning("Invalid request from ip=%s: %s", "::1", f"GET {PATHS[1]}\n[x] forged\x9b")
    for handler in logger.error_log.handlers:
        handler.close()
    (line,) = (tmp_path / "error.log").read_text().splitlines()
    assert "reset-password/***" in line
    assert "\x9b" not in line


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nginx"), reason="The program nginx is not installed.")
def test_nginx_as_documented_keeps_reset_links_out_of_its_logs(tmp_path: Path) -> None:
    """If the backend is away or a body is too large, nginx logs the request line in both logs."""
    guide = (ROOT / "docs" / "deploy-linux.md").read_text()
    site = guide.partition("\n`/etc/nginx/sites-available/app`")[2]
    block = site.partition("```nginx")[2].partition("```")[0]
    server = block[block.rindex("\nserver {") :]
    log_format = re.search(r"^log_format [^;]+;", block, re.MULTILINE)
    logs = re.findall(r"^ *(?:access|error)_log [^;]+;", server, re.MULTILINE)
    assert log_format
    assert len(logs) == 2
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"""
        {user} worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/main.log emerg;
        events {{}}
        http {{
          {temporary} {log_format[0]}
          server {{
            listen unix:{tmp_path}/socket;
            {" ".join(logs).replace("/var/log/nginx", str(tmp_path))}
            client_max_body_size 1k;
            location / {{ proxy_pass http://127.0.0.1:1; }}
          }}
        }}
        """
    )
    # Returns once the server listens.
    subprocess.run(["nginx", "-c", tmp_path / "nginx.conf"], check=True, capture_output=True)
    try:
        statuses = [
            ask(tmp_path / "socket", f"GET {PATHS[1]} HTTP/1.0\r\n\r\n"),
            ask(tmp_path / "socket", f"POST {PATHS[1]} HTTP/1.0\r\nContent-Length: 9999\r\n\r\n"),
        ]
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    assert statuses == ["502", "413"]
    texts = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert not [name for name, text in texts.items() if TOKEN in text]
    assert [status for status in statuses if f" {status} " not in texts["app.log"]] == []


def ask(path: Path, request: str) -> str:
    """Send a request to a Unix socket and return the status of the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(request.encode())
        answer = b""
        while block := connection.recv(4096):
            answer += block
    return answer.split()[1].decode()
