"""What the worker runs. Each parses its arguments and calls a service."""

from app import queue
from app.services import outbox


@queue.task(timeout=outbox.JOB_TIMEOUT, keep_result=0)
def deliver_email(email_id: int) -> None:
    outbox.deliver(email_id)


@queue.task(timeout=outbox.JOB_TIMEOUT, keep_result=0, quiet=True)
def sweep_outbox() -> None:
    outbox.sweep()
