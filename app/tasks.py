"""The tasks of the worker. Each parses its arguments and calls a service."""

from app.kit import queue
from app.kit.audit import retention
from app.kit.clean_up import delete_rows, nightly, run
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail import tasks as mail_tasks  # noqa: F401 - they register themselves
from app.kit.operations import owners
from app.kit.operations import tasks as operation_tasks  # noqa: F401 - they register themselves
from app.models import User, UserSession


@queue.task(timeout=30 * 60, cron="CLEAN_UP_AT")
def clean_up() -> dict[str, int]:
    """Delete expired rows of every kind and return the number of each."""
    return run()


nightly("sessions", lambda: delete_rows(UserSession, UserSession.expires_at < now()))
nightly("emails", outbox.purge)
nightly("events", retention.purge)
owners.act_as(User)
