"""Parameters of the admin's lists, and the page that asks to confirm an action."""

from collections.abc import Callable

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.admin.forms import ConfirmForm
from app.kit.database import whole_number

HIGHEST_PAGE = 1_000_000
LONGEST_SEARCH = 200
QUOTED = 60  # characters of what makes no sense that the page repeats


def page_number(notices: list[str]) -> int:
    """Return the page of a list that the address asks for; nonsense asks for the first."""
    given = request.args.get("page", "") or "1"
    # As many digits as there may be are a page far beyond the last one.
    number = whole_number(given[:20], 10**20)
    if not number:
        notices.append(f"“{given[:QUOTED]}” is no page of the list, so the first is shown.")
    return min(number or 1, HIGHEST_PAGE)


def asked_for(
    name: str, is_known: Callable[[str], bool], notices: list[str], otherwise: str
) -> str:
    """Return what the address narrows a list by, or "" for nothing and for what makes no sense.

    Of that a sentence is added to `notices`: `otherwise`, with what was given in place of {}.
    """
    given = request.args.get(name, "")
    if not given or is_known(given):
        return given
    notices.append(otherwise.format(given[:QUOTED]))
    return ""


def searched(name: str = "search") -> str:
    """Return what is looked for, as a query can take it."""
    return request.args.get(name, "").replace("\0", "")[:LONGEST_SEARCH].strip()


def is_live() -> bool:
    """Tell whether an open page asks by itself what has changed (live.js)."""
    return "X-Live" in request.headers


def confirm(
    *, title: str, text: str, button: str, back: str, trail: list[tuple[str, str]], danger: bool
) -> ResponseReturnValue | None:
    """Return None when the action is confirmed, else the page that asks."""
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
