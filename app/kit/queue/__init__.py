"""Queue work by the name of a task. No other package uses RQ or Flask-RQ2.

A job is a task name and JSON. An attacker with write access to Redis can only run registered tasks.
RQ by itself would import and call any function that a job names.
"""

from rq.exceptions import StopRequested

from app.kit.queue.connections import connection, is_configured, ping, try_to_write
from app.kit.queue.enqueueing import enqueue, enqueue_many, init_app
from app.kit.queue.failures import Failures, failed_since
from app.kit.queue.heartbeats import latest_heartbeat
from app.kit.queue.progress import (
    JobCancelled,
    current_job_id,
    current_run,
    report_progress,
    request_cancel,
)
from app.kit.queue.recurring import due_since
from app.kit.queue.registry import TASKS, UnknownTask, sweeps, task

__all__ = [
    "TASKS",
    "Failures",
    "JobCancelled",
    "StopRequested",
    "UnknownTask",
    "connection",
    "current_job_id",
    "current_run",
    "due_since",
    "enqueue",
    "enqueue_many",
    "failed_since",
    "init_app",
    "is_configured",
    "latest_heartbeat",
    "ping",
    "report_progress",
    "request_cancel",
    "sweeps",
    "task",
    "try_to_write",
]
