"""Limit the requests of a token and of an IP address, and tell programs how many are left.

The headers follow draft-ietf-httpapi-ratelimit-headers-10. Flask-Limiter counts in Redis, and in
each web process while Redis is away.
"""

from typing import Any

from flask import Blueprint, Response, current_app

from app.extensions import limiter
from app.features.api import token_format
from app.features.api.web.access import secret_of_request
from app.kit.database import now
from app.kit.web import origin

BY_TOKEN, BY_IP = "token", "ip"
A_WHILE = 900  # seconds to wait when a limit does not say how long, as those on guesses


def limit(blueprint: Blueprint) -> None:
    """Limit all operations of a blueprint together."""
    shared: Any = limiter.shared_limit
    shared(_amount("API_LIMIT_BY_IP"), scope=BY_IP, key_func=origin.visitor_network)(blueprint)
    shared(
        _amount("API_LIMIT_BY_TOKEN"),
        scope=BY_TOKEN,
        key_func=_token_key,
        exempt_when=lambda: not _token_key(),
    )(blueprint)
    blueprint.after_request(tell)


def _amount(setting: str) -> Any:
    return lambda: f"{current_app.config[setting]} per minute"


def _token_key() -> str:
    """Return the hash of the token of the request, which is not looked up yet, or ""."""
    secret = secret_of_request()
    return token_format.hash_of(secret) if token_format.is_well_formed(secret) else ""


def tell(response: Response) -> Response:
    """Add the headers about limits to an answer."""
    counted = {one.request_args[-1]: one for one in limiter.current_limits}
    breached = [name for name in (BY_TOKEN, BY_IP) if name in counted and counted[name].breached]
    name = next(iter(breached), BY_TOKEN if BY_TOKEN in counted else BY_IP)
    if name in counted:
        one = counted[name]
        window = one.limit.get_expiry()
        # Flask-Limiter rounds up the end of the window.
        seconds = min(window, max(0, one.reset_at - int(now().timestamp())))
        policy = f'"{name}";q={one.limit.amount};w={window}'
        response.headers["RateLimit-Policy"] = policy
        response.headers["RateLimit"] = f'"{name}";r={one.remaining};t={seconds}'
        if breached:
            response.headers["Retry-After"] = str(seconds)
    if response.status_code == 429:
        response.headers.setdefault("Retry-After", str(A_WHILE))
    return response
