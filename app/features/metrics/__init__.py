"""Count runs of jobs and events of the audit trail, if METRICS_TOKEN is set."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app

from app.features.metrics import measures
from app.features.metrics.counting import Counts
from app.kit.audit.event_log import read_events
from app.kit.queue.jobs import watch_jobs


def init_app(app: Flask) -> None:
    if app.config["METRICS_TOKEN"]:
        app.extensions["metrics"] = Counts(app.config)


def counts() -> Counts | None:
    """Return the counts of the current app, or None if it counts nothing."""
    return current_app.extensions.get("metrics")


@watch_jobs
def _count_run(task: str, outcome: str, seconds: float) -> None:
    if found := counts():
        runs, times = measures.RUNS.name, measures.RUN_SECONDS.name
        found.add({(runs, task, outcome): 1, (times, task): seconds})
        # The process of the jobs may end at any time.
        found.flush()


@read_events
def _count_event(line: dict[str, Any]) -> None:
    if found := counts():
        found.add({(measures.EVENTS.name, line["action"]): 1})
