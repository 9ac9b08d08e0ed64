"""The public pages."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.features import health
from app.features.content.models import EditableHTML
from app.kit.web.gates import for_monitors
from app.main import main

NOT_STORED = {"Cache-Control": "no-store"}


@main.get("/")
def index() -> ResponseReturnValue:
    return render_template("main/index.html")


@main.get("/about")
def about() -> ResponseReturnValue:
    return render_template(
        "main/about.html", editable_html_obj=EditableHTML.get_editable_html("about")
    )


@main.get("/.well-known/change-password")
def change_password() -> ResponseReturnValue:
    """Lead password managers to the page that changes a password (W3C, change-password-url)."""
    return redirect(url_for("account.change_password"), 303)


@main.get("/healthz")
@for_monitors
def healthz() -> ResponseReturnValue:
    """Say that the process is alive; nothing else is asked."""
    return {"status": "ok"}, NOT_STORED


@main.get("/readyz")
@for_monitors
def readyz() -> ResponseReturnValue:
    """Say whether pages can be served; names what is not right and no host or version."""
    checks = health.readiness()
    answer = {check.name: "ok" if check.ok else "not ready" for check in checks}
    return answer, 200 if health.is_ready(checks) else 503, NOT_STORED
