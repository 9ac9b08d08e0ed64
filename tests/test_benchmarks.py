"""The benchmarks run. Their results on this machine are not checked."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from benchmarks.__main__ import MEASUREMENTS
from benchmarks.results import Result, at_least, at_most, compare, table
from benchmarks.sizes import Sizes
from benchmarks.stand import Stand

TINY = Sizes(
    workers=1,
    rounds=1,
    peer_rounds=1,
    seconds=0,
    connections=1,
    requests=1,
    # One size, so that the measurements share databases and servers.
    few_people=60,
    many_people=60,
    most_people=60,
    writers=2,
    transactions=3,
    mails=3,
    jobs=5,
    stock_jobs=1,
    failed_jobs=60,
    crowds=(1, 2, 3),
    crowd_seconds=1,
    kills=("child",),
    pause=0.3,
)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with Stand(TINY) as stand:
        yield stand


@pytest.fixture(autouse=True)
def without_wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create load with threads, because wrk cannot run for less than a second."""
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "wrk" else find(name))


@pytest.mark.slow(minutes=4)
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_gives_results(stand, name):
    results = list(MEASUREMENTS[name](stand))

    assert results
    assert all(result.subject and result.measure for result in results)


def test_a_turn_of_each_subject_makes_a_round():
    turns = []

    found = compare(
        3, lambda: turns.append("kit") or len(turns), lambda: turns.append("bare") or 2.0
    )

    assert turns == ["kit", "bare"] * 3
    assert (found.first, found.second, found.ratio) == (3, 2.0, 1.5)


def test_a_bar_is_met_or_not():
    assert at_least("A", "", 0.6, 0.6).met
    assert not at_least("A", "", 0.59, 0.6).met
    assert at_most("A", "", 1.5, 1.5).met
    assert not at_most("A", "", 1.51, 1.5).met


def test_the_table_can_be_read_as_it_is():
    assert table([Result("One", "1 ms"), at_most("Another", "2 ms", 2, 1)]) == (
        "| Subject | Measured | Ratio | Bar | Met |\n"
        "|---------|----------|-------|-----|-----|\n"
        "| One     | 1 ms     |       |     |     |\n"
        "| Another | 2 ms     | 2.00  | ≤ 1 | NO  |"
    )


WAITING = """
import signal, sys, time
from benchmarks import __main__ as run

# One that is started in the background would not hear Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

def wait(stand):
    print(stand.folder, *stand.engines(), stand._server(), flush=True)
    time.sleep(60)
    yield

run.MEASUREMENTS["wait"] = wait
sys.argv = ["benchmarks", "wait", "--quick"]
sys.exit(run.main())
"""


@pytest.mark.slow(minutes=4)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_processes_of_a_run_end_with_it(number):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        folder, *engines, server = process.stdout.readline().split()
        process.send_signal(number)
        assert process.wait(30) != 0
    assert not Path(folder).exists()
    if "PostgreSQL" in engines and "BENCH_DATABASE_URL" not in os.environ:
        url = make_url(server)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((url.host, url.port), timeout=5)
