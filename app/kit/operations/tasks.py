"""The task that runs bulk actions of tables."""

from typing import Any

from app.kit import queue
from app.kit.operations import bulk
from app.kit.operations.table_models import TableOperation


@queue.task(timeout=2 * 60 * 60)
def run_table_operation(operation_id: int) -> dict[str, Any]:
    """Run a confirmed operation, and return how many rows were changed and left out."""
    return bulk.run(TableOperation, operation_id)
