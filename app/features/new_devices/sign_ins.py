"""Find out whether a user has signed in from a device and a network before."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app.extensions import db
from app.features.new_devices import emails
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.kit.web import origin
from app.kit.web.devices import device_name
from app.models import AuditEvent, User

HOUR = timedelta(hours=1)
EXAMINED = 1000  # events about the user; a sign-in beyond these counts as unknown


def tell_if_new(user: User) -> EmailMessage | None:
    """Write a mail if `user` never signed in from the device or the network of the request.

    The first sign-in of an account is no news. A user gets one mail an hour at most. The caller
    commits, and records the event of the sign-in afterwards.
    """
    here = origin.current()
    if user.last_seen_at is None or not user.confirmed or _has_seen(user, here):
        return None
    if outbox.is_throttled(user.email, "new_device", 1, HOUR):
        return None
    return emails.send_new_device(user, address=here.address, device=device_name(here.device))


def network_of(address: str) -> str:
    """Return the part of an IP address that its network shares: an IPv4 /24, an IPv6 /48."""
    network = origin.network(address, v6_prefix=48)
    return network if ":" in network else network.rpartition(".")[0]


def _has_seen(user: User, here: origin.Origin) -> bool:
    """Tell whether the audit trail has sign-ins from the same device, and from the same network."""
    newest = (
        select(AuditEvent.action, AuditEvent.address, AuditEvent.device)
        .where(AuditEvent.subject_type == "user", AuditEvent.subject_id == user.id)
        .order_by(AuditEvent.id.desc())
        .limit(EXAMINED)
        .subquery()
    )
    known = select(newest.c.address, newest.c.device).distinct()
    rows = db.session.execute(known.where(newest.c.action == "session.started")).all()
    devices = {device_name(row.device) for row in rows}
    networks = {network_of(row.address) for row in rows}
    return device_name(here.device) in devices and network_of(here.address) in networks
