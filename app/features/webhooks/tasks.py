"""The worker's task that delivers webhooks, and the nightly clean-up of their log."""

from app.features.webhooks import delivering, leases, maintenance
from app.kit import queue
from app.kit.clean_up import nightly

nightly("webhook deliveries", maintenance.purge)


# A failed delivery is tried again by its row, so the task itself needs no retries.
@queue.task(
    timeout=leases.TIMEOUT, keep_result=0, quiet=True, coalesce=True, retries=0, is_sweep=True
)
def deliver_webhooks() -> int:
    return delivering.deliver()
