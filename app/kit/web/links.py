"""Addresses for use outside a page: in mails and commands."""

from urllib.parse import urlsplit

from flask import current_app


def external_url(endpoint: str, **values: str | int) -> str:
    """Return the full address of `endpoint` under APP_URL.

    The request at hand has no say: its Host header is the visitor's to write.
    """
    base = urlsplit(current_app.config["APP_URL"])
    adapter = current_app.url_map.bind(base.netloc, url_scheme=base.scheme)
    return adapter.build(endpoint, values, force_external=True)
