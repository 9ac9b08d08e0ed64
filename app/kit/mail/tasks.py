"""What the worker runs for the outbox."""

from app.kit import queue
from app.kit.mail import leases, outbox


# A mail that fails is tried again by the outbox; the retries are for a process that dies.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, coalesce=True)
def drain_outbox() -> None:
    outbox.drain(claimant=queue.current_run() or "")


# The next sweep is not far, so one retry will do, and that at once.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, retries=1, backoff=())
def sweep_outbox() -> None:
    outbox.sweep(claimant=queue.current_run() or "")
