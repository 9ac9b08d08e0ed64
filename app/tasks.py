"""What the worker runs. Each parses its arguments and calls a service."""

from typing import Any

from app.kit import queue
from app.kit.mail import claims, outbox
from app.services import audit, bulk, deletions, guesses, imports, sessions


# A mail that fails is tried again by the outbox; the retries are for a process that dies.
@queue.task(timeout=claims.TIMEOUT, keep_result=0, quiet=True, coalesce=True)
def drain_outbox() -> None:
    outbox.drain(claimant=queue.current_run() or "")


# The next sweep is not far, so one retry will do, and that at once.
@queue.task(timeout=claims.TIMEOUT, keep_result=0, quiet=True, retries=1, backoff=())
def sweep_outbox() -> None:
    outbox.sweep(claimant=queue.current_run() or "")


@queue.task(timeout=bulk.JOB_TIMEOUT)
def run_bulk_operation(operation_id: int) -> dict[str, Any]:
    """Do to many people what was confirmed, and return how many and who was left out."""
    return bulk.run(operation_id)


@queue.task(timeout=imports.JOB_TIMEOUT)
def import_people(import_id: int) -> dict[str, int]:
    """Check or import a file of people, and return how many lines came to what."""
    return imports.work(import_id)


@queue.task(timeout=30 * 60)
def clean_up() -> dict[str, int]:
    """Delete what nobody needs any longer and return how much of each."""
    return {
        "sessions": sessions.purge(),
        "guesses": guesses.purge(),
        "emails": outbox.purge(),
        "people": deletions.purge(),
        "bulk operations": bulk.purge(),
        "imports": imports.purge(),
        "events": audit.purge(),
    }
