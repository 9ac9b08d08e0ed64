"""Count the lost requests while the web services of docs/deploy-linux.md restart under load."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException

from benchmarks.results import Result
from benchmarks.stand import Stand
from tests.deployment.services import ListeningSocket, WebService

RATE = 50  # requests a second
VISITORS = 10
LONGEST = 0.2  # seconds that an answer may take meanwhile


def rolling(stand: Stand) -> Iterator[Result]:
    """Restart two services in turn, and compare with a restart and a reload of one service."""
    sizes = stand.sizes
    url, pause = stand.database(sizes.few_people).url, sizes.pause
    settings = {**os.environ, "DATABASE_URL": url, "WEB_CONCURRENCY": "1"}
    listening = ListeningSocket()
    services = [WebService(listening, settings) for _ in range(2)]
    for service in services:
        service.start()

    def one_by_one() -> None:
        for service in services:
            service.restart()

    def upgrade() -> None:
        subprocess.run([sys.executable, "manage.py", "release"], env=settings, check=True)
        one_by_one()

    try:
        yield _result("at rest", _under_load(listening.port, pause, lambda: time.sleep(2 * pause)))
        in_turn = _under_load(listening.port, pause, one_by_one)
        yield _result("two services restarted in turn", in_turn)
        back = [sys.executable, "manage.py", "db", "downgrade", "profile@-1"]
        subprocess.run(back, env=settings, check=True)
        yield _result("the same after a migration", _under_load(listening.port, pause, upgrade))
        services[1].stop()
        restarted = _under_load(listening.port, pause, services[0].restart)
        yield _result("one service restarted, which nothing promises", restarted, promised=False)
        reloaded = _under_load(listening.port, pause, lambda: _reload(services[0], pause))
        yield _result("one service reloaded twice at once", reloaded)
    finally:
        for service in services:
            service.stop()
        listening.close()


def _result(what: str, seen: tuple[int, int, float], *, promised: bool = True) -> Result:
    sent, lost, slowest = seen
    return Result(
        f"{RATE} requests/s, {what}",
        f"{lost} of {sent} lost, the slowest after {slowest * 1000:.0f} ms",
        bar=f"0 lost, ≤ {LONGEST * 1000:.0f} ms" if promised else "",
        met=(lost == 0 and slowest <= LONGEST) if promised else None,
    )


def _reload(service: WebService, pause: float) -> None:
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    time.sleep(pause)
    service.process.send_signal(signal.SIGHUP)
    time.sleep(6 * pause)  # gunicorn does not report the end of a reload


def _under_load(port: int, pause: float, work: Callable[[], None]) -> tuple[int, int, float]:
    """Run `work` under load. Returns the requests sent and lost, and the slowest in seconds."""
    ended = threading.Event()
    seconds: list[float] = []
    lost: list[str] = []

    def visit(number: int) -> None:
        due = time.monotonic() + number / RATE
        while not ended.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due += VISITORS / RATE
            began = time.monotonic()
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", "/account/login")
                status = connection.getresponse().status
                if status != 200:
                    lost.append(str(status))
            except (OSError, HTTPException) as error:
                lost.append(repr(error))
            finally:
                connection.close()
            seconds.append(time.monotonic() - began)

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    time.sleep(pause)
    work()
    time.sleep(pause)
    ended.set()
    for visitor in visitors:
        visitor.join()
    return len(seconds), len(lost), max(seconds)
