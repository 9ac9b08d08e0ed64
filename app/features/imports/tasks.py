"""The job that checks and runs an import of users."""

from app.features.imports.models import PeopleImport
from app.kit import clean_up, imports, queue
from app.kit.operations import owners


@queue.task(timeout=imports.JOB_TIMEOUT)
def import_people(import_id: int) -> dict[str, int]:
    """Check or import a file of users, and return how many lines had each outcome."""
    return imports.work(PeopleImport, import_id)


def purge() -> int:
    """Delete old imports, and those of purged users, and return their number."""
    return imports.purge(PeopleImport, owners.is_of_nobody(PeopleImport))


clean_up.nightly("imports", purge)
