"""Tasks that succeed and tasks that fail. Each writes lines about its progress to a file."""

import os
import signal
import time
from pathlib import Path

from app.kit import queue

kept = []


def note(path, text="ran"):
    with open(path, "a") as file:
        file.write(f"{text} {os.getpid()}\n")


def hold(path):
    note(path, "began")
    until_released(path)
    note(path, "ended")


def until_released(path):
    while not Path(f"{path}.release").exists():
        time.sleep(0.01)


def fail(path):
    note(path)
    raise RuntimeError("as it should")


def fail_once(path):
    note(path)
    if len(Path(path).read_text().splitlines()) == 1:
        raise RuntimeError("as it should")


def die(path):
    note(path)
    os.kill(os.getpid(), signal.SIGKILL)


def grow(path):
    note(path)
    kept.append(b"x" * 200 * 1024 * 1024)


def count(path):
    note(path, "began")
    for number in range(1, 1_000_000):
        queue.report_progress(number, 1_000_000, f"row {number}")
        time.sleep(0.01)


def count_to_three(path):
    for number in range(1, 4):
        queue.report_progress(number, 3, f"row {number}")
    note(path, queue.current_job_id())


def ignore_everything(path):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    note(path, "began")
    time.sleep(600)


def register():
    for function in (note, hold, count, count_to_three, grow, die):
        queue.task()(function)
    queue.task(retries=0)(fail)
    queue.task(retries=2, backoff=(1,))(fail_once)
    queue.task(retries=0, timeout=1)(ignore_everything)
