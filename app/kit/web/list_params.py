"""Read the query parameters of lists in the admin, and show the page that confirms an action."""

from collections.abc import Callable

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.kit.database import whole_number
from app.kit.web.forms import ConfirmForm

HIGHEST_PAGE = 1_000_000
LONGEST_SEARCH = 200
QUOTED = 60  # characters of an invalid parameter that the page quotes


def page_number(notices: list[str]) -> int:
    """Return the page number of the URL, or 1 with a notice if it is invalid."""
    given = request.args.get("page", "") or "1"
    # Numbers of up to 20 digits are valid: they stand for a page beyond the last one.
    number = whole_number(given[:20], 10**20)
    if not number:
        notices.append(f"“{given[:QUOTED]}” is no page of the list, so the first is shown.")
    return min(number or 1, HIGHEST_PAGE)


def asked_for(
    name: str, is_known: Callable[[str], bool], notices: list[str], otherwise: str
) -> str:
    """Return a filter of the URL, or "" if it is missing or unknown.

    For an unknown value, `otherwise` is added to `notices`, with the value in place of {}.
    """
    given = request.args.get(name, "")
    if not given or is_known(given):
        return given
    notices.append(otherwise.format(given[:QUOTED]))
    return ""


def searched(name: str = "search") -> str:
    """Return the search text of the URL, cleaned for a query."""
    return request.args.get(name, "").replace("\0", "")[:LONGEST_SEARCH].strip()


def is_live() -> bool:
    """Tell whether the request is an automatic refresh of an open page (live.js)."""
    return "X-Live" in request.headers


def confirm(
    *, title: str, text: str, button: str, back: str, trail: list[tuple[str, str]], danger: bool
) -> ResponseReturnValue | None:
    """Return None if the action is confirmed, else the page that asks for confirmation."""
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
    )
