"""Add a check of the certificate to those of `doctor`."""

from urllib.parse import urlsplit

from flask import current_app

from app.features.alerts import certificates
from app.kit.doctor import Finding, doctor_check


@doctor_check("certificate")
def certificate() -> Finding | None:
    """Find a certificate of APP_URL that is refused, or ends soon. Only production is asked."""
    url = urlsplit(current_app.config["APP_URL"])
    if url.scheme != "https" or not current_app.config["PRODUCTION"] or not url.hostname:
        return None
    return certificates.examine(url.hostname, url.port or 443)
