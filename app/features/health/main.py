"""The address that tells a platform whether pages can be served."""

from flask.typing import ResponseReturnValue

from app.features import health
from app.kit.web.gates import for_monitors
from app.main import main


@main.get("/readyz")
@for_monitors
def readyz() -> ResponseReturnValue:
    """Say whether pages can be served; names what is not right and no host or version."""
    checks = health.readiness()
    answer = {check.name: "ok" if check.ok else "not ready" for check in checks}
    return answer, 200 if health.is_ready(checks) else 503, {"Cache-Control": "no-store"}
