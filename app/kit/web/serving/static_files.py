"""Serve static files in front of the app: precompressed, and cached for a year if hashed."""

import re
from pathlib import Path
from wsgiref.headers import Headers

from flask import Flask
from whitenoise import WhiteNoise

from app.kit.web import headers

HASHED_NAME = re.compile(r"\.[0-9a-f]{8,}\.[a-z0-9]+$")
YEAR = 365 * 24 * 60 * 60
HOUR = 60 * 60
# A page loads four files or more, so this names only what differs from its default.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    folder.mkdir(exist_ok=True)
    https_only, subdomains = app.config["HTTPS_ONLY"], app.config["HSTS_SUBDOMAINS"]

    def add_headers(response_headers: Headers, _path: str, _url: str) -> None:
        for name, value in headers.fixed_headers(
            https_only=https_only, subdomains=subdomains
        ).items():
            response_headers.setdefault(name, value)
        response_headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY

    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=folder,
        prefix=app.static_url_path,
        # In development, files change while the server runs.
        autorefresh=app.config["DEV_PAGES"],
        max_age=0 if app.config["DEV_PAGES"] else HOUR,
        immutable_file_test=lambda path, url: bool(HASHED_NAME.search(url)),
        add_headers_function=add_headers,
    )
