"""Let pages of other origins use the API, if API_CORS_ORIGINS names them (fetch.spec.whatwg.org).

No credentials are allowed, because cookies do not sign in here. A page sends its token.
"""

import re

from flask import Flask, Response, current_app, request

from app.features.api.web.problems import BELOW
from config import ConfigurationError

SETTING = "API_CORS_ORIGINS"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
METHODS = "GET, HEAD, POST, PATCH, PUT, DELETE"
SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match"
SHOWN = (
    "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "WWW-Authenticate, X-Request-ID"
)
DAY = "86400"  # seconds for which a browser may keep the answer to a preflight


def init_app(app: Flask) -> None:
    for origin in app.config[SETTING]:
        if not ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"{SETTING} names {origin!r}. Name whole origins in lower case, such as "
                "https://app.example.com, without a path and without *."
            )
    if app.config[SETTING]:
        app.after_request(_allow)


def _allow(response: Response) -> Response:
    if not request.path.startswith(BELOW):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin not in current_app.config[SETTING]:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = SHOWN
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = SENT
        response.headers["Access-Control-Max-Age"] = DAY
    return response
