"""Who may open a view."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, flash, redirect, request, session, url_for
from flask_login import current_user, login_required

from app.kit.web.redirects import next_url
from app.models import Permission
from app.services import sessions
from app.services.policy import refuse_acting
from app.sign_in import ONLY_REMEMBERED

View = Callable[..., Any]


def permission_required(permission: int) -> Callable[[View], View]:
    """Restrict a view to users who have every bit of `permission`.

    Others get 403; whoever is not signed in is sent to the login page.
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

        # Menus ask these which pages to list.
        guarded.permission, guarded.allows = permission, allows  # type: ignore[attr-defined]
        return guarded

    return decorate


def admin_required(view: View) -> View:
    """Restrict a view to administrators."""
    return permission_required(Permission.ADMINISTER)(view)


def anonymous_required(view: View) -> View:
    """Send whoever is signed in on, to `next` or their home: the view is for those who are not.

    A request that crossed the renewal of its session comes here with the newer cookie.
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


def fresh_sign_in_required(view: View) -> View:
    """Ask for the password again unless it was given here a short while ago (ASVS 5.0 7.5.3).

    A browser that came back with the cookie that remembers has yet to give it. Goes below
    permission_required, so that it only ever sees someone who is signed in. Whoever is signed in
    as someone else has no password to give, so the view is closed to them.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refuse_acting(current_user)
        if ONLY_REMEMBERED not in session and sessions.is_fresh(current_user.session):
            return view(*args, **kwargs)
        flash("Confirm that it is you, then try again.", "form-info")
        # What was posted is not sent again by itself: the page it came from asks for it anew.
        back = _this_page() if "GET" in _methods() else url_for("admin.index")
        return redirect(url_for("account.reauthenticate", next=back))

    return guarded


def takes_files(setting: str) -> Callable[[View], View]:
    """Let a view take a file of as many megabytes as `setting` says (app.kit.web.headers).

    Goes below permission_required: the limit of everyone else stays.
    """

    def mark(view: View) -> View:
        view.largest_file = setting  # type: ignore[attr-defined]
        return view

    return mark


def _this_page() -> str:
    # What is asked behind the question mark may say what is to be deleted.
    return request.full_path.removesuffix("?")


def _methods() -> set[str]:
    rule = request.url_rule
    return set(rule.methods or ()) if rule else set()
