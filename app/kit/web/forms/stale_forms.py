"""Answer a form that is too old: keep the input, and offer to send it again."""

from typing import Any

from flask import Flask, current_app, redirect, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from app.kit.web.accept import wants_json
from app.kit.web.csrf import comes_from_here
from app.kit.web.errors import HOME, render, request_id, show
from app.kit.web.identity import has_impersonated
from app.kit.web.redirects import next_url

SECRET_FIELDS = ("password", "csrf_token", "token")
CHOSEN_FIELDS = ("seen", "confirmed", "action", "submit")


def init_app(app: Flask) -> None:
    app.register_error_handler(CSRFError, show_stale_form)


def show_stale_form(error: CSRFError) -> Any:
    """Tell the user that the form is too old, and keep their input.

    The page offers to send the form again only if the browser states that it came from this site.
    Otherwise another site could have its form confirmed.
    """
    if wants_json():
        return show(error)
    view = current_app.view_functions.get(request.endpoint or "")
    is_for_guests = getattr(view, "for_guests", False) and comes_from_here()
    if is_for_guests and current_user.is_authenticated:
        # The user signed in meanwhile, in another tab or after a restart of the browser.
        return redirect(next_url(request.args.get("next"), HOME[0]), 303)
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if not any(secret in name for secret in SECRET_FIELDS)
    ]
    can_be_sent = may_be_sent_again()
    page = render(
        "errors/csrf.html",
        code=400,
        fields=fields if can_be_sent else [pair for pair in fields if was_written(*pair)],
        action=request.full_path.removesuffix("?") if can_be_sent else None,
        was_someone_else=has_impersonated(),
        request_id=request_id(),
    )
    return page, 400


def may_be_sent_again() -> bool:
    """Tell whether a form with a rejected token comes from this site and from this user.

    A form that was rendered before an impersonation started or ended is not sent for another user.
    """
    return bool(comes_from_here()) and not has_impersonated()


def was_written(name: str, value: str) -> bool:
    """Tell whether a field of the form may hold text that the user would not like to lose.

    Ticked rows and other numbers are quick to choose again.
    """
    return bool(value) and not value.isdecimal() and name not in CHOSEN_FIELDS
