"""The recurring work about registrations that wait."""

from app.features.approval import approvals
from app.kit import clean_up, queue


@queue.task(cron="TELL_OF_REGISTRATIONS_AT")
def tell_of_registrations() -> bool:
    """Mail the administrators who can approve if registrations wait."""
    return approvals.tell_managers()


clean_up.nightly("registrations", approvals.purge)
clean_up.nightly("registrations that the setting lets in", approvals.let_in)
