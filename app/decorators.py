"""Decorators that restrict access to views."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_login import current_user, login_required

from app.gates import fresh_sign_in_required
from app.kit.web.redirects import next_url
from app.models import Permission

__all__ = [
    "admin_required",
    "anonymous_required",
    "any_permission_required",
    "fresh_sign_in_required",
    "permission_required",
    "takes_files",
]

View = Callable[..., Any]


def permission_required(permission: int) -> Callable[[View], View]:
    """Restrict a view to users who have every bit of `permission`.

    Other users get 403. Anonymous visitors are redirected to the login page.
    """

    return _restrict(permission, lambda user: bool(user.can(permission)))


def any_permission_required(permissions: int) -> Callable[[View], View]:
    """Restrict a view to users who have at least one bit of `permissions`."""
    return _restrict(permissions, lambda user: bool(user.can_any(permissions)))


def _restrict(permission: int, allows: Callable[[Any], bool]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not allows(current_user):
                abort(403)
            return view(*args, **kwargs)

        # Menus read these attributes to list only the pages that the user may open.
        guarded.permission, guarded.allows = permission, allows  # type: ignore[attr-defined]
        return guarded

    return decorate


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


def takes_files(setting: str) -> Callable[[View], View]:
    """Allow uploads to a view of up to the number of megabytes in `setting`.

    app.kit.web.headers enforces the limit. Apply this decorator below permission_required, so that
    the usual limit stays for users without the permission.
    """

    def mark(view: View) -> View:
        view.largest_file = setting  # type: ignore[attr-defined]
        return view

    return mark
