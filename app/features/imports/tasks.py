"""The job that checks and runs an import."""

from app.features import imports
from app.kit import clean_up, queue


@queue.task(timeout=imports.JOB_TIMEOUT)
def import_people(import_id: int) -> dict[str, int]:
    """Check or import a file of users, and return how many lines had each outcome."""
    return imports.work(import_id)


clean_up.nightly("imports", imports.purge)
