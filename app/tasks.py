"""What the worker runs. Each parses its arguments and calls a service."""

from app import queue
from app.services import delivery, outbox, sessions


# A mail that fails is tried again by the outbox; the retries are for a process that dies.
@queue.task(timeout=delivery.TIMEOUT, keep_result=0, quiet=True, coalesce=True)
def drain_outbox() -> None:
    outbox.drain(claimant=queue.current_job_id() or "")


@queue.task(timeout=delivery.TIMEOUT, keep_result=0, quiet=True, retries=0)
def sweep_outbox() -> None:
    outbox.sweep()


@queue.task(timeout=30 * 60)
def clean_up() -> dict[str, int]:
    """Delete what nobody needs any longer and return how much of each."""
    return {"sessions": sessions.purge(), "emails": outbox.purge()}
