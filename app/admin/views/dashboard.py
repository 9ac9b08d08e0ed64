"""The dashboard: a card for whatever one looks after."""

from collections.abc import Callable
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import any_permission_required
from app.features import health, user_search
from app.features.audit.services import latest
from app.kit.mail import outbox
from app.models import Permission
from app.services import roles
from app.sign_in import me

# What each permission lets one see here. The rest is not asked of the database either.
CARDS: dict[Permission, Callable[[], dict[str, Any]]] = {
    Permission.MANAGE_USERS: lambda: {
        "stats": user_search.statistics(),
        "recent": user_search.newest(5),
    },
    Permission.VIEW_AUDIT: lambda: {"deeds": latest.latest(6)},
    Permission.MANAGE_JOBS: lambda: {"system": health.system(), "mail": outbox.statistics()},
    Permission.MANAGE_ROLES: lambda: {"roles": roles.known()},
    Permission.MANAGE_CONTENT: lambda: {"has_content": True},
    Permission.IMPERSONATE: lambda: {"has_acting": True},
}


@admin.get("/")
@any_permission_required(Permission.management())
def index() -> ResponseReturnValue:
    shown: dict[str, Any] = {}
    for permission, card in CARDS.items():
        if me().can(permission):
            shown |= card()
    return render_template("admin/index.html", **shown)
