"""The tasks that run bulk actions and imports of tables, and delete old ones."""

from typing import Any

from app.kit import clean_up, imports, queue
from app.kit.imports.table_models import TableImport
from app.kit.operations import bulk, tables
from app.kit.operations.table_models import TableOperation


@queue.task(timeout=2 * 60 * 60)
def run_table_operation(operation_id: int) -> dict[str, Any]:
    """Run a confirmed operation, and return how many rows were changed and left out."""
    return bulk.run(TableOperation, operation_id)


@queue.task(timeout=imports.JOB_TIMEOUT)
def run_table_import(import_id: int) -> dict[str, int]:
    """Check or run an import into a table, and return how many lines had each outcome."""
    return imports.work(TableImport, import_id)


clean_up.nightly("operations on tables", tables.purge)
