"""Read the query parameters of lists in the admin, and show the page that confirms an action."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from jinja2 import Template

from app.kit.database import whole_number
from app.kit.web.forms import ConfirmForm

HIGHEST_PAGE = 1_000_000
QUOTED = 60  # characters of an invalid parameter that the page quotes


def page_number(notices: list[str]) -> int:
    """Return the page number of the URL, or 1 with a notice if it is invalid."""
    given = request.args.get("page", "") or "1"
    # Numbers of up to 20 digits are valid: they stand for a page beyond the last one.
    number = whole_number(given[:20], 10**20)
    if not number:
        notices.append(f"“{given[:QUOTED]}” is no page of the list, so the first is shown.")
    return min(number or 1, HIGHEST_PAGE)


def is_live() -> bool:
    """Tell whether the request is an automatic refresh of an open page (live.js)."""
    return "X-Live" in request.headers


def confirm(
    *,
    title: str,
    text: str,
    button: str,
    back: str,
    trail: list[tuple[str, str]],
    danger: bool,
    layout: Template | None = None,
) -> ResponseReturnValue | None:
    """Return None if the action is confirmed, else the page that asks for confirmation.

    Without a `layout` it is a page of the admin.
    """
    form = ConfirmForm()
    if form.validate_on_submit():
        return None
    return render_template(
        "admin/confirm.html",
        form=form,
        title=title,
        text=text,
        button=button,
        back=back,
        trail=trail,
        danger=danger,
        layout=layout,
    )
