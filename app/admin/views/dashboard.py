"""The dashboard."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import admin_required
from app.services import health, outbox, users


@admin.get("/")
@admin_required
def index() -> ResponseReturnValue:
    return render_template(
        "admin/index.html",
        stats=users.statistics(),
        recent=users.newest(5),
        mail=outbox.statistics(),
        system=health.system(),
    )
