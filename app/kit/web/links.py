"""Build URLs for use outside a page: in mails and commands."""

from urllib.parse import urlsplit

from flask import current_app


def external_url(endpoint: str, **values: str | int) -> str:
    """Return the full URL of `endpoint` under APP_URL.

    The current request is ignored, because its Host header is untrusted.
    """
    base = urlsplit(current_app.config["APP_URL"])
    adapter = current_app.url_map.bind(base.netloc, url_scheme=base.scheme)
    return adapter.build(endpoint, values, force_external=True)
