"""Define the worker's tasks for the outbox."""

from app.kit import queue
from app.kit.mail import leases, outbox


# The outbox itself retries a failed mail. The task's retries cover a process that dies.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, coalesce=True)
def drain_outbox() -> None:
    outbox.drain(holder=queue.current_run() or "")


# The next sweep follows soon, so one immediate retry is enough.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, retries=1, backoff=(), is_sweep=True)
def sweep_outbox() -> None:
    outbox.sweep(holder=queue.current_run() or "")
