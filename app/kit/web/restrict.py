"""Restrict views to users with permissions, tell who may open them, and let views take files."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from flask import abort, current_app
from flask_login import current_user, login_required

View = Callable[..., Any]

# Flask-Login does not mark the views that it wraps, but all its wrappers share this code object.
_ASKS_FOR_A_SIGN_IN = login_required(lambda: None).__code__


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


def takes_files(setting: str, *, files: int = 1) -> Callable[[View], View]:
    """Allow `files` uploads to a view, each of up to the number of megabytes in `setting`.

    app.kit.web.bodies enforces the limit. Apply this decorator below permission_required or
    login_required, so that the usual limit stays for visitors who may not open the view.
    """

    def mark(view: View) -> View:
        view.largest_file, view.most_files = setting, files  # type: ignore[attr-defined]
        return view

    return mark


def has_endpoint(endpoint: str) -> bool:
    """Return whether this app has a page. Menus may list pages of removed features."""
    return endpoint in current_app.view_functions


def may_open(endpoint: str) -> bool:
    """Return whether this app has a page and the visitor may open it.

    The decorators of the view (permission_required, login_required) decide, so menus need not
    declare permissions.
    """
    view = current_app.view_functions.get(endpoint)
    return view is not None and _check_of(view)(current_user._get_current_object())


@cache
def _check_of(view: Any) -> Callable[[Any], bool]:
    """Return the function with which the decorators of a view check a user."""
    while view is not None:
        if hasattr(view, "allows"):
            check: Callable[[Any], bool] = view.allows
            return check
        if getattr(view, "__code__", None) is _ASKS_FOR_A_SIGN_IN:
            return lambda user: bool(user.is_authenticated)
        view = getattr(view, "__wrapped__", None)
    return lambda _user: True
