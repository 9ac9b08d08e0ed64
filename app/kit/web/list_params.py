"""Tell automatic refreshes apart, and show the page that confirms an action."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from jinja2 import Template

from app.kit.web.forms import ConfirmForm


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
