"""What the worker runs. Each parses its arguments and calls a service."""

from app.kit import attempts, audit, queue
from app.kit import clean_up as nightly_clean_up
from app.kit.mail import leases, outbox
from app.services import deletions, sessions


# A mail that fails is tried again by the outbox; the retries are for a process that dies.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, coalesce=True)
def drain_outbox() -> None:
    outbox.drain(claimant=queue.current_run() or "")


# The next sweep is not far, so one retry will do, and that at once.
@queue.task(timeout=leases.TIMEOUT, keep_result=0, quiet=True, retries=1, backoff=())
def sweep_outbox() -> None:
    outbox.sweep(claimant=queue.current_run() or "")


@queue.task(timeout=30 * 60, cron="CLEAN_UP_AT")
def clean_up() -> dict[str, int]:
    """Delete what nobody needs any longer and return how much of each."""
    return nightly_clean_up.run()


nightly_clean_up.nightly("sessions", sessions.purge)
nightly_clean_up.nightly("guesses", attempts.purge)
nightly_clean_up.nightly("emails", outbox.purge)
nightly_clean_up.nightly("people", deletions.purge)
nightly_clean_up.nightly("events", audit.purge)
