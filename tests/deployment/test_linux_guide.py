"""Run nginx and gunicorn with the files in docs/deploy-linux.md, and send them requests."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.deployment import guide
from tests.deployment.client import Answer, Client
from tests.deployment.conftest import PASSWORD, Deployment
from tests.deployment.services import WebService
from tests.deployment.small_systemd import CannotStart
from tests.support import needs

pytestmark = pytest.mark.deployment

RESET = "/account/reset-password/a-token-that-nobody-may-read"


def test_shell_and_systemd_read_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text(guide.printed("/etc/app.env"))
    script = f". {file}; " + "".join(f'printf "%s\\0" "${name}"; ' for name in guide.settings())
    read = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout
    assert read.split("\0")[:-1] == list(guide.settings().values())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="No systemd-analyze is installed.")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    programs = {"/srv/app/venv/bin/gunicorn": "/bin/true", "/srv/app/venv/bin/python": "/bin/true"}
    for name in ("app-web.socket", "app-web@.service", "app-worker.service"):
        text = guide.printed(f"/etc/systemd/system/{name}")
        for old, new in programs.items():
            text = text.replace(old, new)
        text = re.sub(r"User=app\n|EnvironmentFile=.*\n|WorkingDirectory=.*\n", "", text)
        (tmp_path / name).write_text(text)
    (tmp_path / "app-web@1.service").symlink_to(tmp_path / "app-web@.service")
    names = ("app-web.socket", "app-web@1.service", "app-worker.service")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not [
        line for line in verified.stderr.splitlines() if str(tmp_path) in line or "app-w" in line
    ]
    assert verified.returncode == 0, verified.stderr


def test_a_user_signs_in_and_sends_a_form(administrator: Client) -> None:
    assert administrator.get("/admin/users").status == 200
    fields = {"first_name": "New", "last_name": "Name"}
    assert administrator.submit("/account/manage/change-name", fields).status == 302
    assert "New Name" in administrator.get("/account/manage/info").text


def test_a_port_in_the_address_stays(deployment: Deployment) -> None:
    """The app compares a form's Origin with the host of the request, which includes the port."""
    client = deployment.client()
    token = client.token("/account/login")
    origin = {
        "Origin": f"https://{guide.HOST}:8443",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = f"csrf_token={token}&email=a%40example.com&password=wrong".encode()
    answer = client.send("POST", "/account/login", body, host=f"{guide.HOST}:8443", headers=origin)
    assert answer.status == 200, answer.text
    assert client.send("POST", "/account/login", body, headers=origin).status == 403


def test_http_leads_to_https_under_the_one_name(deployment: Deployment) -> None:
    """TL-1: pages are redirected, forms are refused, and no other host is named."""
    plain = Client(deployment.http)
    answer = plain.get("/account/login?next=%2Fadmin")
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{guide.HOST}/account/login?next=%2Fadmin"
    assert plain.send("POST", "/account/login", b"email=a").status == 403
    for host in ("evil.example", "127.0.0.1", f"{guide.HOST}.evil.example"):
        with pytest.raises(OSError, match=r"."):
            plain.get("/", host=host)
    page = deployment.client().get("/account/login")
    seconds = re.search(r"max-age=(\d+)", page.headers["Strict-Transport-Security"])
    assert seconds
    assert int(seconds[1]) >= 365 * 24 * 60 * 60


def test_other_names_get_nothing_over_https(deployment: Deployment) -> None:
    client = deployment.client()
    with pytest.raises(OSError, match=r"."):
        client.get("/", host="evil.example")
    with pytest.raises(OSError, match=r"UNRECOGNIZED_NAME|unrecognized name|EOF|reset"):
        client.connect("evil.example")


def test_old_tls_is_refused(deployment: Deployment) -> None:
    """TL-1: the client offers everything that OpenSSL supports, at security level 0."""
    for version, is_spoken in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True)):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{deployment.https}", version]
        command += ["-servername", guide.HOST, "-cipher", "ALL:@SECLEVEL=0"]
        tried = subprocess.run(command, input=b"", capture_output=True, check=False)
        assert (tried.returncode == 0) is is_spoken, version


def test_the_challenge_of_a_certificate_is_answered_over_http(deployment: Deployment) -> None:
    folder = deployment.folder / "www" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "one").write_text("answer")
    assert Client(deployment.http).get("/.well-known/acme-challenge/one").text == "answer"


@pytest.mark.parametrize(
    "path",
    ["/.git/HEAD", "/.env", "/config.env", "/app.db", "/instance/data.sqlite", "/static/",
     "/static/../config.py", "/static/%2e%2e/config.py", "//etc/passwd"],
)  # fmt: skip
def test_no_stray_files(client: Client, path: str) -> None:
    """CF-3: neither nginx nor the app serves other files."""
    answer = client.get(path)
    assert answer.status == 404
    assert "There is no such page" in answer.text


def test_nginx_sends_static_files_as_the_app_does(client: Client, deployment: Deployment) -> None:
    """CF-2: a response has the same headers, whichever of them sends it."""
    app = Client(deployment.listening.port)
    as_proxied = {"X-Forwarded-Proto": "https", "Accept-Encoding": "gzip"}
    names = [file.name for file in (guide.ROOT / "app" / "static" / "gen").iterdir()]
    shown = [name for name in names if not name.endswith((".br", ".gz", "manifest.json"))]
    assert shown
    for name in shown:
        path = f"/static/gen/{name}"
        answers = [
            client.send("HEAD", path, headers={"Accept-Encoding": "gzip"}),
            app.send("HEAD", path, headers=as_proxied),
        ]
        for answer in answers:
            for header in ("Server", "Date", "Connection", "ETag", "Last-Modified"):
                del answer.headers[header]
            kind = answer.headers["Content-Type"].partition(";")[0]
            # Debian's nginx has the older name of the same type (RFC 9239).
            kind = kind.replace("application/javascript", "text/javascript")
            answer.headers.replace_header("Content-Type", kind)
        by_nginx, by_app = (sorted(answer.headers.items()) for answer in answers)
        assert by_nginx == by_app, name
    log = (deployment.folder / "log" / "app.log").read_text()
    assert "upstream=-" in log

    gone = client.get("/static/gen/app.000000000000.css")
    assert gone.status == 404
    assert "There is no such page" in gone.text


def test_a_visitor_cannot_choose_their_address(
    deployment: Deployment, administrator: Client
) -> None:
    """BF-3: nginx passes the address that it knows, not the one that a visitor claims."""
    forged = {
        "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/x",
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "99", "Forwarded": "for=192.0.2.1",
    }  # fmt: skip
    client = deployment.client()
    answer = client.submit(
        "/account/login", {"email": "you@example.com", "password": PASSWORD}, **forged
    )
    assert answer.headers["Location"].startswith("/")
    devices = client.get("/account/manage/devices").text
    assert "127.0.0.1" in devices
    assert "192.0.2.1" not in devices


def test_failed_sign_ins_are_limited_whatever_address_is_claimed(deployment: Deployment) -> None:
    """BF-3: all attempts of a visitor count as attempts of one visitor."""
    client, statuses = deployment.client(), []
    for number in range(40):
        fields = {"email": f"p{number}@example.com", "password": "wrong"}
        forged = {"X-Forwarded-For": f"198.51.100.{number}"}
        statuses.append(client.submit("/account/login", fields, **forged).status)
        if statuses[-1] == 429:
            break
    assert statuses[-1] == 429


def upload(size: int) -> tuple[bytes, str]:
    head = (
        b'--B\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n%s\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\nEmail,First name\n"
    )
    line = b"someone@example.com,Ada\n"
    return head + line * (size // len(line)) + b"\r\n--B--\r\n", "multipart/form-data; boundary=B"


@needs("imports")
@pytest.mark.parametrize(
    ("megabytes", "status", "said"),
    [
        (3, 302, ""),
        (50.5, 200, "larger than 50 MB"),
        (53, 413, "The request is too large"),
        (60, 413, "The request is too large"),
    ],
    ids=["allowed", "too large for the form", "for the app", "for nginx"],
)
def test_a_large_import_gets_the_pages_of_the_app(
    administrator: Client, megabytes: float, status: int, said: str
) -> None:
    body, content_type = upload(int(megabytes * 1024 * 1024))
    body = body.replace(b"%s", administrator.token("/admin/users/import").encode())
    headers = {"Content-Type": content_type, "Origin": f"https://{guide.HOST}"}
    answer = administrator.send("POST", "/admin/users/import", body, headers=headers)
    assert answer.status == status, answer.text
    assert said in answer.text
    assert "nginx" not in answer.text
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("in_chunks", [False, True], ids=["with a length", "in chunks"])
def test_a_form_that_is_too_large_gets_the_page_of_the_app(client: Client, in_chunks: bool) -> None:
    body = b"email=" + b"a" * 2 * 1024 * 1024
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if in_chunks:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        headers["Transfer-Encoding"] = "chunked"
    answer = client.send("POST", "/account/login", body, headers=headers)
    assert answer.status == 413
    assert "The request is too large" in answer.text


def test_slow_visitors_keep_nobody_waiting(deployment: Deployment) -> None:
    """F28: nginx holds 200 connections that never finish their headers or body."""
    with ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(deployment.client().connect())
            head = b"POST /account/login HTTP/1.1\r\nHost: app.example.com\r\n"
            end = b"Content-Length: 500\r\n\r\na" if number % 2 else b"X-Slow: "
            connection.sendall(head + end)
        answers = [deployment.client().get(path).status for path in ("/healthz", "/account/login")]
    assert answers == [200, 200]


def problem_of(answer: Answer) -> tuple[int, str]:
    """Return the status and the code of a problem (RFC 9457), and check its form."""
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json"
    assert "nginx" not in answer.text
    body = json.loads(answer.text)
    assert body["status"] == answer.status
    assert {"type", "title", "detail", "request_id"} <= body.keys()
    return answer.status, body["code"]


@contextmanager
def no_service(deployment: Deployment) -> Iterator[None]:
    """Stop the services, and close the port, which systemd's socket would hold open."""
    for service in deployment.web:
        service.stop()
    deployment.listening.socket.close()
    try:
        yield
    finally:
        deployment.listening.socket = socket.create_server(
            ("127.0.0.1", deployment.listening.port), backlog=4096
        )
        for service in deployment.web:
            service.start()


@needs("api")
def test_programs_get_problem_details_from_nginx_too(
    deployment: Deployment, client: Client
) -> None:
    """Nginx answers by itself over http, and for a request that it cannot read."""
    plain = Client(deployment.http)
    for method in ("GET", "POST"):
        answer = plain.send(method, "/api/v1/me", headers={"Authorization": "Bearer kit_x"})
        assert problem_of(answer) == (403, "forbidden")
        assert "Location" not in answer.headers
    large = client.get("/api/v1/me", headers={"X-Large": "a" * 10_000})
    assert problem_of(large) == (400, "bad-request")
    assert problem_of(client.get("/api/v1/" + "a" * 10_000)) == (400, "bad-request")
    assert problem_of(client.get("/api/v1/me", host="app.example.com x")) == (400, "bad-request")
    too_large = client.send("PATCH", "/api/v1/me", b"a" * 2 * 1024 * 1024)
    assert problem_of(too_large) == (413, "content-too-large")
    assert client.get("/unreadable").status == 404


def test_no_token_gets_into_a_log_of_nginx(deployment: Deployment, client: Client) -> None:
    """Including requests that nginx itself refuses, for example with too large headers."""
    client.get(RESET)
    client.send("POST", RESET, b"a" * 2 * 1024 * 1024)
    client.get(RESET, headers={"X-Large": "a" * 40_000})
    client.get("/account/login", headers={"Referer": f"https://{guide.HOST}{RESET}"})
    Client(deployment.http).get(RESET)
    with no_service(deployment):
        answer, program = client.get(RESET), client.get("/api/v1/me")
    assert problem_of(program) == (503, "service-unavailable")
    assert program.headers["Retry-After"] == "5"
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Not available just now" in answer.text
    assert "nginx" not in answer.text
    logs = deployment.logs()
    assert " 413 " in logs
    assert " 503 " in logs
    assert "a-token-that-nobody-may-read" not in logs


def test_a_rolling_restart_loses_nothing(deployment: Deployment) -> None:
    """Send pages and forms while one service restarts after the other."""
    ended, problems, counts = threading.Event(), [], [0, 0]

    def visit(number: int) -> None:
        client = deployment.client()
        body = b"csrf_token=wrong"  # the app answers 400, and counts no attempt
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        while not ended.is_set():
            try:
                if number % 2:
                    status = client.send("POST", "/account/login", body, headers=headers).status
                else:
                    status = client.get("/healthz").status
            except OSError as error:
                problems.append(repr(error))
                continue
            counts[number % 2] += 1
            if status != (400 if number % 2 else 200):
                problems.append(str(status))

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for service in deployment.web:
            service.restart()
    finally:
        ended.set()
        for visitor in visitors:
            visitor.join()
    assert min(counts) > 0
    assert problems == []


def test_a_service_that_cannot_start_leaves_the_other_at_work(deployment: Deployment) -> None:
    first = deployment.web[0]
    first.stop()
    broken = WebService(deployment.listening, {**deployment.settings, "SECRET_KEY": ""})
    with pytest.raises(CannotStart):
        broken.start()
    assert [deployment.client().get("/healthz").status for _ in range(5)] == [200] * 5
    first.start()
