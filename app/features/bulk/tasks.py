"""Bulk changes that a worker makes."""

from typing import Any

from app.features import bulk
from app.kit import clean_up, queue


@queue.task(timeout=bulk.JOB_TIMEOUT)
def run_bulk_operation(operation_id: int) -> dict[str, Any]:
    """Do to many users what was confirmed, and return how many were changed and left out."""
    return bulk.run(operation_id)


clean_up.nightly("bulk operations", bulk.purge)
