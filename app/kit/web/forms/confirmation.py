"""The page that asks users to confirm an action."""

from flask import render_template
from flask.typing import ResponseReturnValue
from jinja2 import Template

from app.kit.web.forms import ConfirmForm


def ask_to_confirm(
    *,
    title: str,
    text: str,
    button: str,
    back: str,
    trail: list[tuple[str, str]],
    danger: bool,
    layout: Template | None = None,
) -> ResponseReturnValue | None:
    """Return the page that asks for confirmation, or None once the user has confirmed.

    `layout` is that of the admin by default, and `trail` holds the URLs and labels of breadcrumbs.
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
