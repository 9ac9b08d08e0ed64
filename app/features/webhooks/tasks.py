"""The worker's task that delivers webhooks, and the nightly clean-up of their log."""

from app.features.webhooks import delivering, leases, maintenance
from app.kit import queue
from app.kit.clean_up import nightly
from app.kit.outgoing import outgoing

nightly("webhook deliveries", maintenance.purge)
outgoing(
    "deliveries of webhooks",
    waiting=maintenance.count_waiting,
    cancel=maintenance.cancel_older,
    task="deliver_webhooks",
)


# A failed delivery is tried again by its row, so the task itself needs no retries.
@queue.task(
    timeout=leases.TIMEOUT, keep_result=0, quiet=True, coalesce=True, retries=0, is_sweep=True
)
def deliver_webhooks() -> int:
    return delivering.deliver()
