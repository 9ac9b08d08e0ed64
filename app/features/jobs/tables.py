"""The table of jobs. Its rows are in Redis."""

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from flask import g, request, url_for
from sqlalchemy import true

from app.features.jobs import jobs as jobs_service
from app.features.jobs.jobs import CANCELABLE, JobQueueAway, Overview
from app.kit.queue.job_reader import LONGEST_SCAN, State
from app.kit.queue.job_records import Job
from app.kit.tables import Choice, Column, RowAction, Table
from app.kit.tables.asked import Asked
from app.kit.tables.cursors import NotACursor
from app.kit.tables.page import TablePage
from app.kit.tables.totals import UNKNOWN, Total

TASK_NAME = re.compile(r"\w{1,100}")

# The labels of the lists, the most important first.
LISTS = {
    State.FAILED: "Failed",
    State.STARTED: "Running",
    State.QUEUED: "Queued",
    State.SCHEDULED: "Scheduled",
    State.FINISHED: "Finished",
    State.CANCELED: "Cancelled",
}


def overview() -> Overview | None:
    """Return the state of the queues, read once in a request, or None without Redis."""
    if "queues" not in g:
        try:
            g.queues = jobs_service.overview()
        except JobQueueAway:
            g.queues = None
    found: Overview | None = g.queues
    return found


def find_jobs(asked: Asked) -> TablePage:
    """Return the page that a URL asks for, or an empty one while Redis is away.

    Raises NotACursor, as pages of jobs have numbers.
    """
    if asked.after or asked.before:
        raise NotACursor
    state, page = State(asked.values["list"]), asked.page
    try:
        found = jobs_service.find(
            state,
            queue_name=asked.values.get("queue", ""),
            task=asked.values.get("task", ""),
            search=asked.search,
            page=page,
            per_page=asked.per_page,
        )
    except JobQueueAway:
        return TablePage([], UNKNOWN)
    steps: dict[str, Mapping[str, Any]] = {}
    if page > 1:
        steps |= {"first": {}, "prev": {"page": page - 1 if page > 2 else ""}}
    if found.has_next:
        steps["next"] = {"page": page + 1}
        if not found.is_capped and found.total <= LONGEST_SCAN:
            steps["last"] = {"page": -(-found.total // asked.per_page)}
    total = Total(found.total, "more" if found.is_capped else "exact")
    return TablePage(found.jobs, total, steps=steps)


def _tasks() -> list[tuple[str, str]]:
    """Return the tasks of the app, and that of the URL, because jobs may outlive their task."""
    names, given = jobs_service.task_names(), request.args.get("task", "")
    if TASK_NAME.fullmatch(given) and given not in names:
        names.append(given)
    return [(name, name) for name in names]


def _has_page(job: Job) -> bool:
    return job.has_page and job.is_readable


jobs = Table(
    Job,
    title="Jobs",
    lead="Background jobs, their workers, and failures.",
    nouns=("job", "jobs"),
    endpoint="admin.jobs",
    columns=[
        Column(
            "name",
            "Job",
            value=attrgetter("name"),
            main=True,
            macro="macros/queue_macros.html:job_cell",
            link=lambda job: url_for("admin.job", job_id=job.id) if _has_page(job) else "",
        ),
        Column("arguments", "Arguments", value=jobs_service.summary, classes="arguments"),
        Column("tries", "Tries", align="end"),
        Column("when", "When", macro="macros/queue_macros.html:job_time", nowrap=True),
    ],
    find=find_jobs,
    search=["id"],
    search_label="Search by id",
    filters=[
        Choice(
            "list",
            "Lists of jobs",
            choices=LISTS.items(),
            is_tabs=True,
            default=State.FAILED,
            counts=lambda: found.totals if (found := overview()) else {},
            condition=lambda _list: true(),
            unknown="“{}” is no list of jobs, so those that failed are shown.",
        ),
        Choice(
            "queue",
            choices=lambda: [(name, name) for name in jobs_service.queue_names()],
            condition=lambda _queue: true(),
            unknown="There is no queue “{}”, so every queue is shown.",
        ),
        Choice(
            "task",
            choices=_tasks,
            condition=lambda _task: true(),
            unknown="“{}” is no task, so every task is shown.",
        ),
    ],
    no_match=("Nothing matches", "Try another part of an id, another task, or another list."),
    live=True,
    row_actions=[
        RowAction(
            "Retry",
            "admin.retry_job",
            icon="arrow-clockwise",
            is_offered=lambda job: _has_page(job) and job.state == State.FAILED,
        ),
        RowAction(
            "Cancel",
            "admin.cancel_job",
            icon="x-circle",
            is_offered=lambda job: _has_page(job) and job.state in CANCELABLE,
        ),
        RowAction(
            "Delete",
            "admin.delete_job",
            icon="trash",
            danger=True,
            is_offered=lambda job: _has_page(job) and job.state != State.STARTED,
        ),
    ],
)
