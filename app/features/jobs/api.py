"""The jobs of the queues in the API."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import current_app
from marshmallow import ValidationError, fields, validate
from werkzeug.exceptions import NotFound

from app.features.api import ApiSchema, Text, Timestamp, answers, api, lists, reads, writes
from app.features.jobs import jobs, tables
from app.features.jobs.jobs import AWAY, DELETABLE, Done, JobGone, JobPage, JobQueueAway
from app.kit.queue.job_reader import State
from app.kit.redact import redacted
from app.models import Permission
from app.sign_in import me

TAGS = ["Jobs"]
answers(JobQueueAway, 503, "queue-away", AWAY)
answers(JobGone, 409, "job-changed", "The state of the job does not allow this.")


def _ensure_queue(name: str) -> None:
    if name and name not in current_app.config["RQ_QUEUES"]:
        raise ValidationError("There is no such queue.")


class JobSchema(ApiSchema):
    """A job. Secrets in its arguments are hidden."""

    id = fields.String(required=True)
    task = fields.String(required=True, attribute="name")
    state = fields.String(required=True)
    queue = fields.String(required=True)
    arguments = fields.Function(
        lambda job: redacted(job.arguments), required=True, metadata={"type": "object"}
    )
    tries = fields.Integer(required=True)
    created_at = Timestamp(required=True, allow_none=True)
    enqueued_at = Timestamp(required=True, allow_none=True)
    due_at = Timestamp(required=True, allow_none=True)
    started_at = Timestamp(required=True, allow_none=True)
    ended_at = Timestamp(required=True, allow_none=True)
    request_id = fields.String(required=True)


class JobOutcomeSchema(JobSchema):
    """A job, with the result or the traceback of its last attempt."""

    result = fields.String(required=True, allow_none=True)
    traceback = fields.String(required=True)


class SomeJobsSchema(ApiSchema):
    """Jobs of a queue and of a task, or of all if these are left out."""

    queue = Text(most=100, load_default="", validate=_ensure_queue)
    task = Text(most=100, load_default="")


class ListedJobsSchema(SomeJobsSchema):
    """Jobs of a list, by default of all queues and tasks."""

    list = fields.String(
        required=True, validate=validate.OneOf([str(state) for state in DELETABLE])
    )


class JobsDoneSchema(ApiSchema):
    """The number of jobs that were changed. If time ran out, send the request again."""

    count = fields.Integer(required=True)
    is_complete = fields.Boolean(required=True)


@api.get("/jobs", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@lists(tables.jobs, JobSchema)
def list_jobs() -> list[Any]:
    """List the jobs of a state, by default those that failed."""
    jobs.overview()  # The page would show an empty list if Redis is away.
    return []


@api.get("/jobs/<job_id>", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@api.response(200, JobOutcomeSchema)
def get_job(job_id: str) -> SimpleNamespace:
    """Get a job, with the outcome of its last attempt."""
    page = _page(job_id)
    return SimpleNamespace(**vars(page.job), result=page.result, traceback=page.traceback)


@api.post("/jobs/<job_id>/retry", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(204)
def retry_job(job_id: str) -> None:
    """Queue a failed job again."""
    _change(jobs.retry, job_id)


@api.post("/jobs/<job_id>/cancel", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(204)
def cancel_job(job_id: str) -> None:
    """Cancel a job. If it runs, it ends within seconds."""
    _change(jobs.cancel, job_id)


@api.delete("/jobs/<job_id>", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(204)
def delete_job(job_id: str) -> None:
    """Delete a job that is not running."""
    _change(jobs.delete, job_id)


@api.post("/queues/retry-jobs", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.arguments(SomeJobsSchema)
@api.response(200, JobsDoneSchema)
def retry_jobs(values: dict[str, str]) -> Done:
    """Queue failed jobs again."""
    return jobs.retry_all(values["queue"], task=values["task"], by=me())


@api.post("/queues/delete-jobs", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.arguments(ListedJobsSchema)
@api.response(200, JobsDoneSchema)
def delete_jobs(values: dict[str, str]) -> Done:
    """Delete the jobs of a list. Those in the list "queued" do not run."""
    return jobs.delete_all(State(values["list"]), values["queue"], task=values["task"], by=me())


def _change(action: Callable[..., None], job_id: str) -> None:
    _page(job_id)
    action(job_id, by=me())


def _page(job_id: str) -> JobPage:
    try:
        return jobs.get(job_id)
    except JobGone:
        raise NotFound from None
