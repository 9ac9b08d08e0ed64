"""The database is down, locked or frozen: an error page at once, and no traceback."""

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.queue.support import until
from tests.serving.conftest import Answer, OwnPostgres, Site

PAGES = ["/", "/account/manage", "/admin/", "/admin/users", "/nowhere"]


def is_careful_error_page(answer: Answer) -> None:
    assert answer.status == 503
    # The answer of the app, or of the line before it while others wait for the database.
    heading = {"5": "Not available just now", "2": "Too many requests at once"}
    assert heading[answer.headers["Retry-After"]] in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] is None


@pytest.fixture
def site(site_on_postgres: Site, own_postgres: OwnPostgres) -> Site:
    """Return a running app with a signed-in user."""
    if own_postgres.process is None:
        own_postgres.start()
    own_postgres.thaw()
    until(lambda: site_on_postgres.ask("/account/manage").status == 200, "the site")
    return site_on_postgres


def test_a_signed_in_visitor_sees_an_error_page_while_postgresql_is_away(site, own_postgres):
    """F16: it was gunicorn's bare 500, because error pages loaded the user again."""
    logged = len(site.log)
    form = {"first_name": "x", "csrf_token": site.csrf_token("/account/manage")}
    own_postgres.stop()
    for path in PAGES:
        is_careful_error_page(site.ask(path))
    is_careful_error_page(site.ask("/account/manage/change-name", "POST", **form))
    assert site.ask("/healthz").status == 200
    assert site.ask("/readyz").status == 503
    own_postgres.start()
    until(lambda: site.ask("/account/manage").status == 200, "the site to heal")
    assert "Traceback" not in site.log[logged:]


def test_a_restart_of_postgresql_is_no_500_and_fills_no_log(site, own_postgres):
    """F16: 527 of 800 requests were a 500, with 28 MB of tracebacks."""
    logged = len(site.log)

    def ask(path: str) -> int:
        return site.ask(path).status

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, PAGES[number % len(PAGES)]) for number in range(400)]
        until(lambda: sum(one.done() for one in asked) >= 50, "some answers")
        own_postgres.stop()
        own_postgres.start()
        statuses = [one.result() for one in asked]
    assert set(statuses) <= {200, 404, 503}
    until(lambda: site.ask("/account/manage").status == 200, "the site to heal")
    log = site.log[logged:]
    assert "Traceback" not in log
    # One line for each kind of failure in ten seconds, however many requests fail.
    assert log.count("the database is not available") <= 20


def test_a_frozen_postgresql_holds_nobody_for_long(site, own_postgres):
    """F17: all threads hung, and /healthz with them."""
    logged = len(site.log)
    own_postgres.freeze()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(site.ask, "/account/manage") for _ in range(12)]
        assert site.ask("/healthz").status == 200
        assert not all(one.done() for one in asked)  # It was answered while they waited.
        for one in asked:
            is_careful_error_page(one.result())
    # From now on requests fail at once: fifty timeouts would take minutes.
    for _ in range(50):
        is_careful_error_page(site.ask("/account/manage"))
    own_postgres.thaw()
    until(lambda: site.ask("/account/manage").status == 200, "the site to heal")
    assert "Traceback" not in site.log[logged:]


def test_a_connection_that_is_kept_alive_survives_a_restart(site, own_postgres):
    """F16: a ping before each use makes the first request after a restart a 200."""
    own_postgres.stop()
    own_postgres.start()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    headers = {"Host": "localhost", "Cookie": site.cookie}
    connection.request("GET", "/account/manage", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()
