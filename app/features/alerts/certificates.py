"""Ask a server for its certificate."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta

from app.kit.database import now
from app.kit.doctor import Finding

SOON = timedelta(days=14)  # Certbot renews 30 days before the end.
TIMEOUT = 3  # seconds


def examine(host: str, port: int, context: ssl.SSLContext | None = None) -> Finding | None:
    """Return a finding if browsers refuse the certificate of a server, or will within SOON.

    A server that cannot be reached from here is no finding: some networks lead no connection back.
    """
    context = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), TIMEOUT) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Finding(
            f"The certificate of {host} is refused: {error.verify_message}.",
            "Renew it, and let the web server read it again (`certbot renew`).",
        )
    except OSError:
        return None
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    left = end - now()
    if left >= SOON:
        return None
    return Finding(
        f"The certificate of {host} ends in {left.days} days.",
        "See why it was not renewed (`systemctl status certbot.timer`, `certbot renew --dry-run`).",
    )
