"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.world import elsewhere

ACCESS = {
    "admin.jobs": Permission.MANAGE_JOBS,
    "admin.job": Permission.MANAGE_JOBS,
    "admin.retry_job": Permission.MANAGE_JOBS,
    "admin.cancel_job": Permission.MANAGE_JOBS,
    "admin.delete_job": Permission.MANAGE_JOBS,
    "admin.retry_jobs": Permission.MANAGE_JOBS,
    "admin.delete_jobs": Permission.MANAGE_JOBS,
    "admin.empty_queue": Permission.MANAGE_JOBS,
}


def on_job(path, state="failed"):
    def send(world):
        job_id = world.add_job(state=state)
        return world.send(world.browser, f"/admin/jobs/{job_id}/{path}")

    return send


def on_jobs(path, state="failed"):
    def send(world):
        world.add_job(state=state)
        return world.send(world.browser, f"/admin/jobs/{path}")

    return send


def empty_queue(world):
    world.add_job(state="queued")
    queue = world.app.config["RQ_QUEUES"][0]
    return world.send(world.browser, f"/admin/jobs/empty-queue?queue={queue}")


EVENTS = {
    "admin.retry_job": ("job.retried", on_job("retry")),
    "admin.delete_job": ("job.deleted", on_job("delete")),
    "admin.cancel_job": ("job.cancelled", on_job("cancel", "queued")),
    "admin.retry_jobs": ("queue.retried", on_jobs("retry-all")),
    "admin.delete_jobs": ("queue.emptied", on_jobs("delete-all?list=failed")),
    "admin.empty_queue": ("queue.emptied", empty_queue),
}
SHARED = {"job_id": "every user who manages jobs sees all of them"}
HOSTILE = {"job_id": elsewhere}
MENU = {Permission.MANAGE_JOBS: "/admin/jobs"}
