"""The tasks of the worker. Each parses its arguments and calls a service."""

from app.kit import attempts, queue
from app.kit import clean_up as nightly_clean_up
from app.kit.audit import retention
from app.kit.mail import outbox
from app.kit.mail import tasks as mail_tasks  # noqa: F401 - they register themselves
from app.kit.operations import tables
from app.kit.operations import tasks as operation_tasks  # noqa: F401 - they register themselves
from app.models import User
from app.services import sessions


@queue.task(timeout=30 * 60, cron="CLEAN_UP_AT")
def clean_up() -> dict[str, int]:
    """Delete expired rows of every kind and return the number of each."""
    return nightly_clean_up.run()


nightly_clean_up.nightly("sessions", sessions.purge)
nightly_clean_up.nightly("guesses", attempts.purge)
nightly_clean_up.nightly("emails", outbox.purge)
nightly_clean_up.nightly("events", retention.purge)
tables.act_as(User)
