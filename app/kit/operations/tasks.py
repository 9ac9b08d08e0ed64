"""The job that runs a bulk action of a declared table."""

from typing import Any

from app.kit import queue
from app.kit.operations import tables


@queue.task(timeout=2 * 60 * 60)
def run_table_operation(operation_id: int) -> dict[str, Any]:
    """Run a confirmed operation, and return how many rows were changed and left out."""
    return tables.run(operation_id)
