"""The public pages."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.kit.web.gates import for_monitors
from app.main import main


@main.get("/")
def index() -> ResponseReturnValue:
    return render_template("main/index.html")


@main.get("/.well-known/change-password")
def change_password() -> ResponseReturnValue:
    """Redirect password managers to the page that changes a password (W3C, change-password-url)."""
    return redirect(url_for("account.change_password"), 303)


@main.get("/healthz")
@for_monitors
def healthz() -> ResponseReturnValue:
    """Report that the process is alive, without checking anything else."""
    return {"status": "ok"}, {"Cache-Control": "no-store"}
