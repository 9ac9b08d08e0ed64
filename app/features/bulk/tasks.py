"""The job that runs a bulk operation."""

from typing import Any

from app.features import bulk
from app.kit import clean_up, queue

TIMEOUT = 2 * 60 * 60  # seconds; ten million users take less


@queue.task(timeout=TIMEOUT)
def run_bulk_operation(operation_id: int) -> dict[str, Any]:
    """Run a confirmed bulk operation, and return how many users were changed and left out."""
    return bulk.run(operation_id)


clean_up.nightly("bulk operations", bulk.purge)
