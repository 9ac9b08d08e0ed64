"""Decorators that restrict access to views."""

from functools import wraps
from typing import Any

from flask import flash, redirect, request, url_for
from flask_login import current_user

from app.kit.web.gates import closed_to
from app.kit.web.redirects import next_url
from app.kit.web.restrict import View, any_permission_required, permission_required, takes_files
from app.models import Permission

__all__ = [
    "admin_required",
    "anonymous_required",
    "any_permission_required",
    "fresh_sign_in_required",
    "permission_required",
    "takes_files",
]

fresh_sign_in_required = closed_to("stale_sign_in")  # a gate of app.gates


def admin_required(view: View) -> View:
    """Restrict a view to administrators."""
    return permission_required(Permission.ADMINISTER)(view)


def anonymous_required(view: View) -> View:
    """Restrict a view to anonymous visitors.

    Signed-in users are redirected to `next`, or to their landing page. A request that crossed the
    renewal of its session arrives here with the newer cookie.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user.is_authenticated:
            if "token" in kwargs:
                flash("You are signed in, so the link was not used. Sign out to use it.", "info")
            return redirect(next_url(request.args.get("next"), url_for("main.index")))
        return view(*args, **kwargs)

    guarded.for_guests = True  # type: ignore[attr-defined]
    return guarded
