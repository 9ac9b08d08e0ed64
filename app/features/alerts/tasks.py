"""The recurring look at the checks."""

from app.features.alerts import alerting
from app.kit import queue


@queue.task(cron="ALERTS_AT", quiet=True, retries=0)
def tell_of_problems() -> list[str]:
    """Write to administrators if something is wrong."""
    return alerting.tell_managers()
