"""Send one mail of the outbox at once, as the worker's jobs do in bulk."""

from app.kit.mail import delivery, leases
from app.kit.mail.email_message import EmailState
from app.kit.mail.transport import Transport, connect


def deliver(email_id: int, transport: Transport | None = None) -> EmailState | None:
    """Send one mail of the outbox and return its new state.

    Returns None if there is nothing to do: the mail is sent, another worker has it, or its retry
    is not due.
    """
    lease = leases.acquire(email_id, holder="")
    if lease is None:
        return None
    if transport is not None:
        return delivery.send(lease, transport)
    with connect() as own:
        return delivery.send(lease, own)
