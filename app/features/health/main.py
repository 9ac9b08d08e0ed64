"""The readiness endpoint for platforms and monitors."""

from flask.typing import ResponseReturnValue

from app.features import health
from app.kit.web.gates import for_monitors
from app.main import main


@main.get("/readyz")
@for_monitors
def readyz() -> ResponseReturnValue:
    """Return 200 if the app can serve pages, otherwise 503.

    The answer names the failed checks, but no host or version.
    """
    checks = health.readiness()
    answer = {check.name: check.note or "ok" if check.ok else "not ready" for check in checks}
    return answer, 200 if health.is_ready(checks) else 503, {"Cache-Control": "no-store"}
