"""The jobs of the queues in the API."""

import base64

from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, problem_of
from app.models import AuditEvent, Permission

__all__ = ["admin_program"]

NAMES = ("list_jobs", "get_job", "retry_job", "cancel_job", "delete_job")
MANY = ("retry_jobs", "delete_jobs")
ACCESS = {f"api.{name}": Permission.MANAGE_JOBS for name in NAMES + MANY}


def on_job(method, path, body=None, *, event="", state="failed"):
    """Return a call about a new job, whose id stands in the path for {}."""

    def send(program):
        job_id = program.fixture("add_job")(state=state)
        return program.call(method, path.format(job_id), body)

    return Call(send, event)


CALLS = {
    "api.list_jobs": on_job("GET", "/jobs"),
    "api.get_job": on_job("GET", "/jobs/{}"),
    "api.retry_job": on_job("POST", "/jobs/{}/retry", event="job.retried"),
    "api.cancel_job": on_job("POST", "/jobs/{}/cancel", event="job.cancelled", state="queued"),
    "api.delete_job": on_job("DELETE", "/jobs/{}", event="job.deleted"),
    "api.retry_jobs": on_job("POST", "/queues/retry-jobs", {}, event="queue.retried"),
    "api.delete_jobs": on_job(
        "POST", "/queues/delete-jobs", {"list": "failed"}, event="queue.emptied"
    ),
}


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json["items"]]


def test_programs_list_the_jobs_of_a_state(admin_program, add_job):
    failed = [add_job() for _ in range(3)]
    queued = add_job(state="queued", task="purge", password="hunter2", number=7)
    first = admin_program.get("/jobs?limit=2")
    assert first.json["count"] == 3
    second = admin_program.get(first.json["next"].removeprefix("http://localhost"))
    assert sorted(ids(first) + ids(second)) == failed
    (job,) = admin_program.get("/jobs?list=queued").json["items"]
    assert (job["id"], job["task"], job["state"]) == (queued, "purge", "queued")
    assert job["arguments"] == {"password": "••••••", "number": 7}
    assert ids(admin_program.get("/jobs?list=queued&task=drain_outbox")) == []


def test_a_cursor_of_another_list_is_refused(admin_program, redis):
    """The first page in its place would never end a program that follows `next`."""
    found = base64.urlsafe_b64encode(b'{"after":"WzFd"}').decode().rstrip("=")
    answer = admin_program.get(f"/jobs?cursor={found}")
    assert problem_of(answer)[0] == 422
    assert answer.json["errors"][0]["parameter"] == "cursor"


def test_a_program_reads_retries_and_deletes_a_job(admin_program, add_job):
    job_id = add_job(trace='ValueError: secret="hunter2"')
    job = admin_program.get(f"/jobs/{job_id}").json
    assert job["traceback"] == 'ValueError: secret="••••••"'
    assert admin_program.post(f"/jobs/{job_id}/retry").status_code == 204
    assert ids(admin_program.get("/jobs?list=queued")) == [job_id]
    again = admin_program.post(f"/jobs/{job_id}/retry")
    assert problem_of(again) == (409, "job-changed")
    assert admin_program.post(f"/jobs/{job_id}/cancel").status_code == 204
    assert admin_program.delete(f"/jobs/{job_id}").status_code == 204
    assert problem_of(admin_program.delete(f"/jobs/{job_id}")) == (404, "not-found")
    actions = db.session.scalars(db.select(AuditEvent.action).order_by(AuditEvent.id))
    assert list(actions) == ["job.retried", "job.cancelled", "job.deleted"]


def test_a_running_job_is_not_deleted(admin_program, add_job):
    job_id = add_job(state="started")
    assert problem_of(admin_program.delete(f"/jobs/{job_id}")) == (409, "job-changed")


def test_programs_retry_and_delete_many_jobs(admin_program, add_job):
    for _ in range(3):
        add_job()
    purge = add_job(task="purge")
    answer = admin_program.post("/queues/retry-jobs", {"task": "drain_outbox"})
    assert answer.json == {"count": 3, "is_complete": True}
    (job,) = admin_program.get("/jobs").json["items"]
    assert job["id"] == purge
    answer = admin_program.post("/queues/delete-jobs", {"list": "queued", "queue": job["queue"]})
    assert answer.json["count"] == 3
    assert ids(admin_program.get("/jobs?list=queued")) == []


def test_a_list_or_a_queue_that_does_not_exist_is_named(admin_program, redis):
    for body, field in (
        ({}, "list"),
        ({"list": "started"}, "list"),
        ({"list": "failed", "queue": "other"}, "queue"),
        ({"list": "failed", "tasks": "purge"}, "tasks"),
    ):
        answer = admin_program.post("/queues/delete-jobs", body)
        assert problem_of(answer)[0] == 422
        assert [one["pointer"] for one in answer.json["errors"]] == [f"#/{field}"]


def test_without_redis_programs_are_asked_to_try_again(admin_program):
    for answer in (
        admin_program.get("/jobs"),
        admin_program.get("/jobs/drain_outbox-1"),
        admin_program.post("/queues/retry-jobs", {}),
    ):
        assert problem_of(answer) == (503, "queue-away")
