"""Notice when an impersonation begins or ends, and refuse forms that were rendered before."""

from collections.abc import Callable

from flask import current_app, request, session
from flask.typing import ResponseReturnValue

from app.kit.web.gatekeeper import needs_no_user

# Session key: the id of the impersonated user, or None after the impersonation.
ACTING_AS = "acting_as"

Check = Callable[[], ResponseReturnValue | None]
_checks: list[Check] = []


def check_identity(check: Check) -> Check:
    """Call the decorated function before forms are checked. It returns None or a response."""
    _checks.append(check)
    return check


def run_checks() -> ResponseReturnValue | None:
    """Run the checks, and return the first response. Registered to run before each request."""
    if needs_no_user(current_app, request.endpoint):
        return None
    return next((answer for check in _checks if (answer := check()) is not None), None)


def has_impersonated() -> bool:
    """Tell whether an open form may have been rendered while the browser acted for another user."""
    return ACTING_AS in session
