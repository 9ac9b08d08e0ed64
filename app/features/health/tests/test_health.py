"""Test /healthz, /readyz and the dashboard card: their checks, answers and timeouts."""

import json
import re
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask_login import user_accessed
from flask_migrate import downgrade, upgrade
from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy.exc import OperationalError

from app import create_app
from app.extensions import db
from app.features import health
from app.features.health.services import database, mail, probing, workers
from app.features.health.services.check import time_since
from app.kit import queue, redis_server
from app.kit.database import migrations, now
from app.kit.mail.email_message import EmailMessage

PATIENCE_OF_A_MONITOR = 3.0  # seconds
PUBLIC = {"database", "migrations", "mail", "redis"}


@pytest.fixture(params=["anonymous", "signed in", "nonsense"])
def browser(request, app, admin):
    browser = app.test_client()
    if request.param == "signed in":
        browser.enter(admin)
    elif request.param == "nonsense":
        browser.set_cookie("session", "x")
        browser.set_cookie("remember_token", "x|y")
    return browser


@pytest.fixture
def silent_server():
    """Return the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def by_name(checks):
    return {check.name: check for check in checks}


class TestHealthz:
    def test_it_needs_no_redis_no_database_and_no_user(self, browser, statements, monkeypatch):
        def refuse(*_arguments, **_options):
            raise AssertionError("a health check must not ask for this")

        monkeypatch.setattr(queue, "ping", refuse)
        monkeypatch.setattr(type(db.session()), "connection", refuse)
        statements.clear()
        with user_accessed.connected_to(refuse):
            response = browser.get("/healthz")

        assert response.status_code == 200
        assert response.json == {"status": "ok"}
        assert statements == []
        assert "Set-Cookie" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.timing
    def test_it_is_answered_while_the_database_hangs(self, silent_server):
        app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": hanging_database(silent_server)})
        started = time.monotonic()

        assert app.test_client().get("/healthz").status_code == 200
        assert time.monotonic() - started < 1


def hanging_database(port):
    return f"postgresql+psycopg://secret-user:secret-password@127.0.0.1:{port}/secret-name"


class TestReadyz:
    def test_all_is_well(self, browser):
        response = browser.get("/readyz")

        assert response.status_code == 200
        assert response.json == dict.fromkeys(PUBLIC, "ok")
        assert response.headers["Cache-Control"] == "no-store"

    def test_a_cookie_makes_it_ask_no_more(self, client, admin, statements):
        client.get("/readyz")
        asked = list(statements)
        client.enter(admin)
        statements.clear()
        client.get("/readyz")

        assert statements == asked
        assert "user_sessions" not in " ".join(asked)

    def test_it_is_503_until_the_tables_are_those_of_the_code(self, tmp_path):
        """F20"""
        app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own'}"})
        client = app.test_client()

        def state():
            response = client.get("/readyz")
            return response.status_code, response.json["migrations"]

        with app.app_context():
            assert state() == (503, "not ready")
            upgrade(revision="heads")
            assert state() == (200, "ok")
            downgrade(revision="base")
            assert state() == (503, "not ready")
            upgrade(revision="heads")
            assert state() == (200, "ok")
            db.engine.dispose()

    def test_a_database_that_a_newer_release_has_migrated_is_a_note(self, own_app):
        """The release before goes on serving, as long as the database has all of its columns."""
        client = own_app.test_client()

        def state():
            response = client.get("/readyz")
            return response.status_code, response.json["migrations"]

        def change(*statements):
            with own_app.app_context(), db.engine.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)

        with own_app.app_context():
            upgrade(revision="heads")
        change(
            "INSERT INTO alembic_version VALUES ('newer')",
            "ALTER TABLE roles ADD COLUMN newer INTEGER",
        )
        assert state() == (200, "ahead")
        with own_app.app_context():
            assert database.is_migrated().word == "Newer than the code"
        change("DELETE FROM alembic_version WHERE version_num <> 'newer'")
        assert state() == (200, "ahead")
        released = own_app.test_cli_runner().invoke(args=["release"])
        assert released.exit_code == 0, released.output
        assert "Nothing is migrated" in released.output
        change("ALTER TABLE user_sessions RENAME COLUMN remembered TO recalled")
        assert state() == (503, "not ready")
        assert own_app.test_cli_runner().invoke(args=["release"]).exit_code == 1

    def test_redis_counts_where_it_is_configured(self, client, app, monkeypatch):
        def fail():
            raise RedisError("secret-host:6379")

        monkeypatch.setitem(app.config, "REDIS_URL", "redis://secret-host:6379/0")
        monkeypatch.setattr(queue, "ping", fail)
        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json == {**dict.fromkeys(PUBLIC, "ok"), "redis": "not ready"}

    def test_waiting_mail_is_reported_and_the_app_stays_ready(self, client):
        add_mail(next_try_at=now() - timedelta(minutes=30))
        response = client.get("/readyz")

        assert response.status_code == 200
        assert response.json["mail"] == "not ready"

    def test_a_database_that_is_away_is_all_it_says(self, tmp_path):
        """CF-8"""
        missing = tmp_path / "secret-folder" / "secret-name"
        app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{missing}"})
        response = app.test_client().get("/readyz")

        assert response.status_code == 503
        assert response.json == {
            "database": "not ready",
            "migrations": "not ready",
            "mail": "not ready",
            "redis": "ok",
        }

    @pytest.mark.timing
    def test_a_check_that_hangs_is_not_waited_for(self, silent_server):
        """CF-8: with a frozen database or Redis, concurrent requests share one probe."""
        app = create_app(
            "testing",
            {
                "SQLALCHEMY_DATABASE_URI": hanging_database(silent_server),
                "REDIS_URL": f"redis://127.0.0.1:{silent_server}/0",
            },
        )
        threads = threading.active_count()
        for _ in range(3):
            started = time.monotonic()
            response = app.test_client().get("/readyz")
            assert time.monotonic() - started < PATIENCE_OF_A_MONITOR
            assert response.status_code == 503
            assert set(response.json.values()) == {"not ready"}
            said = json.dumps(response.json) + str(response.headers)
            assert not re.search(r"secret|127\.0\.0\.1|postgres|psycopg|redis:|\d+\.\d+\.\d+", said)
        assert threading.active_count() <= threads + 2

    def test_plain_http_from_within_the_network_is_answered(self, client, app, monkeypatch):
        monkeypatch.setitem(app.config, "HTTPS_ONLY", True)

        for path in ("/healthz", "/readyz"):
            assert client.get(path).status_code == 200
        assert client.get("/").status_code == 301


def add_mail(**values):
    row = EmailMessage(
        message="confirm",
        recipient="ada@example.com",
        message_id=f"<{time.monotonic_ns()}@localhost>",
        **values,
    )
    db.session.add(row)
    db.session.commit()
    return row


class TestMail:
    def test_it_goes_out(self, app):
        add_mail(next_try_at=now() - timedelta(minutes=9))
        add_mail(state="failed", next_try_at=now() - timedelta(days=2))
        add_mail(state="sent", next_try_at=now() - timedelta(days=2))

        assert mail.goes_out().ok

    @pytest.mark.parametrize("state", ["pending", "sending"])
    def test_a_late_backlog_is_reported(self, app, state):
        add_mail(state=state, next_try_at=now() - timedelta(minutes=31))
        add_mail(state=state, next_try_at=now() - timedelta(minutes=11))
        check = mail.goes_out()

        assert check.problem == "2 mails should have been sent by now, the first 31 minutes ago."
        assert "run_worker" in check.hint

    def test_a_failure_of_the_last_day_is_reported(self, app):
        add_mail(state="failed", next_try_at=now() - timedelta(hours=23))

        assert mail.goes_out().problem == "1 mail could not be sent in the last day."

    def test_the_problem_that_stops_all_mail_comes_first(self, app):
        add_mail(next_try_at=now() - timedelta(minutes=31))
        row = add_mail(needs_operator=True, last_error="535 wrong password")
        check = mail.goes_out()

        assert "535 wrong password" in check.problem
        assert "MAIL_PASSWORD" in check.hint
        row.state = "cancelled"
        db.session.commit()
        assert "535" not in mail.goes_out().problem

    def test_a_server_must_be_named(self, app, monkeypatch):
        monkeypatch.setitem(app.config, "MAIL_TRANSPORT", "smtp")

        assert "no mail server is set" in mail.goes_out().problem


class TestWorker:
    @pytest.fixture(autouse=True)
    def configured(self, app, monkeypatch):
        monkeypatch.setitem(app.config, "REDIS_URL", "redis://127.0.0.1:1/0")

    def judge(self, monkeypatch, heard):
        def latest_heartbeat():
            if isinstance(heard, Exception):
                raise heard
            return heard

        monkeypatch.setattr(queue, "latest_heartbeat", latest_heartbeat)
        monkeypatch.setattr(queue, "try_to_write", lambda: None)
        monkeypatch.setattr(queue, "failed_since", lambda moment: queue.Failures(0, []))
        return workers.judge(workers.begin_signs(), 1)

    def test_it_runs(self, monkeypatch):
        checks = self.judge(monkeypatch, now() - timedelta(seconds=50))

        assert all(check.ok for check in checks)

    @pytest.mark.parametrize(
        ("heard", "said"), [(None, "No worker runs"), (600, "fell silent 10 minutes ago")]
    )
    def test_it_does_not(self, monkeypatch, heard, said):
        redis, worker, _ = self.judge(monkeypatch, heard and now() - timedelta(seconds=heard))

        assert redis.ok
        assert said in worker.problem
        assert "run_worker" in worker.hint

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (RedisError("away"), "does not answer"),
            (OSError("no such host"), "does not answer"),
            (AuthenticationError("WRONGPASS"), "does not accept the password"),
        ],
    )
    def test_nothing_is_known_of_it_while_redis_is_away(self, monkeypatch, error, said):
        redis, worker, jobs = self.judge(monkeypatch, error)

        assert said in redis.problem
        assert not worker.ok
        assert worker.waits_for == jobs.waits_for == "redis"

    def test_a_laptop_without_redis_is_told_that_mail_goes_out(self, app, monkeypatch):
        monkeypatch.setattr(redis_server, "is_installed", lambda: False)

        told = self.judge(monkeypatch, RedisError("away"))[0]
        assert "Until then mail waits" in told.hint  # production sends none without Redis

        monkeypatch.setattr(app, "debug", True)
        told = self.judge(monkeypatch, RedisError("away"))[0]
        assert "The worker sends mail from the database." in told.problem
        assert "Jobs wait" in told.hint


class TestProbing:
    @pytest.mark.timing
    def test_a_look_that_hangs_is_shared_and_not_waited_for_again(self, app):
        release = threading.Event()
        looks = [probing.begin("test", release.wait) for _ in range(3)]
        try:
            assert looks[0] is looks[1] is looks[2]
            with pytest.raises(probing.TookTooLong):
                looks[0].answer(0.05)
            started = time.monotonic()
            with pytest.raises(probing.TookTooLong):
                probing.begin("test", release.wait).answer(0.05)
            assert time.monotonic() - started < 0.05
        finally:
            release.set()
        assert looks[0].answer(10)
        assert probing.begin("test", release.wait) is not looks[0]

    def test_an_error_in_the_thread_is_raised_in_the_caller(self, app):
        def fail():
            raise TimeoutError("of its own")

        with pytest.raises(TimeoutError, match="of its own"):
            probing.begin("test", fail).answer(10)


class TestDashboard:
    def page(self, client, admin):
        client.enter(admin)
        return client.get("/admin/").text

    def test_the_card_is_green(self, client, admin):
        card = self.page(client, admin).split('id="system"')[1].split("</section>")[0]

        for name in ("Web", "Worker", "Tasks", "Redis", "Database", "Mail", "Migrations"):
            assert f"<span>{name}</span>" in card
        assert "All checks passed" in card
        assert ">Failed<" not in card

    def test_it_says_what_is_wrong_and_what_to_do(self, client, admin):
        add_mail(next_try_at=now() - timedelta(hours=3), last_error="<b>")
        card = self.page(client, admin).split('id="system"')[1].split("</section>")[0]

        assert "Needs attention" in card
        assert "1 mail should have been sent by now, the first 3 hours ago." in card
        assert "<code>python manage.py run_worker</code>" in card

    def test_answers_of_the_mail_server_are_escaped(self, client, admin):
        add_mail(needs_operator=True, last_error="535 <script>alert(1)</script>")
        page = self.page(client, admin)

        assert "<script>alert" not in page
        assert "535 &lt;script&gt;" in page

    @pytest.mark.timing
    def test_a_frozen_redis_costs_a_second_once(self, app, admin, monkeypatch, silent_server):
        monkeypatch.setitem(app.config, "REDIS_URL", f"redis://127.0.0.1:{silent_server}/0")
        monkeypatch.setattr(app.extensions["queue"], "failed_at", -60.0)
        client = app.test_client()
        client.enter(admin)
        took = []
        for _ in range(3):
            started = time.monotonic()
            page = client.get("/admin/").text
            took.append(time.monotonic() - started)
            assert "Redis does not answer." in page
            assert "Not checked, because the Redis check failed." in page
        assert took[0] < 1.5
        assert took[1] < 0.5
        assert took[2] < 0.5


class TestDatabase:
    def test_the_newest_revision_is_looked_up_again_when_a_file_is_added(self, app, monkeypatch):
        assert database.is_migrated().ok
        before = migrations._read.cache_info().misses
        assert database.is_migrated().ok
        assert migrations._read.cache_info().misses == before

    def test_a_question_that_fails_is_not_taken_for_an_answer(self, app, monkeypatch):
        def fail():
            raise OperationalError("SELECT", {}, OSError("gone\nsecond line"))

        monkeypatch.setitem(health.QUESTIONS, "mail", fail)
        checks = by_name(health.readiness())

        assert checks["database"].ok
        assert not checks["mail"].ok


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        ({"seconds": 70}, "a minute ago"),
        ({"minutes": 119}, "119 minutes ago"),
        ({"hours": 2, "seconds": 5}, "2 hours ago"),
        ({"days": 3}, "3 days ago"),
    ],
)
def test_times_are_said_in_words(passed, said):
    assert time_since(datetime.now(UTC) - timedelta(**passed)) == said
