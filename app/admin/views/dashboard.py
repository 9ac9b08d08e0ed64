"""The dashboard."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import any_permission_required
from app.models import Permission
from app.services import directory, health, outbox


@admin.get("/")
@any_permission_required(Permission.management())
def index() -> ResponseReturnValue:
    return render_template(
        "admin/index.html",
        stats=directory.statistics(),
        recent=directory.newest(5),
        mail=outbox.statistics(),
        system=health.system(),
    )
