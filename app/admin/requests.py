"""What the admin's views ask of a request: the part of a list that is wanted, a confirmed deed."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.admin.forms import ConfirmForm

HIGHEST_PAGE = 1_000_000
LONGEST_SEARCH = 200


def page_number() -> int:
    """Return the page of a list that the address asks for; nonsense asks for the first."""
    given = request.args.get("page", "1")
    if not (given.isascii() and given.isdigit()):
        return 1
    return min(max(int(given[:20]), 1), HIGHEST_PAGE)


def searched(name: str = "search") -> str:
    """Return what is looked for, as a query can take it."""
    return request.args.get(name, "").replace("\0", "")[:LONGEST_SEARCH].strip()


def is_live() -> bool:
    """Tell whether an open page asks by itself what has changed (live.js)."""
    return "X-Live" in request.headers


def confirm(
    *, title: str, text: str, button: str, back: str, trail: list[tuple[str, str]], danger: bool
) -> ResponseReturnValue | None:
    """Return None when the deed is confirmed, else the page that asks, naming what will happen."""
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
