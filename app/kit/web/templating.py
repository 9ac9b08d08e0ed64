"""Provide template globals and filters for icons, numbers and menus."""

from functools import lru_cache

from flask import Flask, current_app
from markupsafe import Markup, escape
from wtforms import Field, FieldList, FormField
from wtforms.widgets import Select

from app.kit import slots
from app.kit.assets import asset_url
from app.kit.slots import UserListAction
from app.kit.web import gatekeeper
from app.kit.web.avatars import avatar
from app.kit.web.devices import device_name
from app.kit.web.restrict import has_endpoint, may_open
from app.kit.web.times import ago, day, due, exact

MINUTE, HOUR = 60, 3600


def init_app(app: Flask) -> None:
    """Add the globals and filters below to the app's templates."""
    app.jinja_env.globals.update(
        account_rows=slots.account_rows,
        banners=slots.banners,
        confirm_parts=slots.confirm_parts,
        fresh_sign_in_parts=slots.fresh_sign_in_parts,
        icon=icon,
        menu_groups=menu_groups,
        menu_items=menu_items,
        register_parts=slots.register_parts,
        selection_of_users=slots.selection_of_users,
        sign_in_parts=slots.sign_in_parts,
        sign_out_parts=slots.sign_out_parts,
        user_list_actions=user_list_actions,
        has_endpoint=has_endpoint,
        may_open=may_open,
    )
    app.jinja_env.filters.update(
        ago=ago,
        avatar=avatar,
        day=day,
        device=device_name,
        due=due,
        duration=duration,
        exact=exact,
        number=number,
        kind=kind,
    )


def icon(name: str, label: str | None = None) -> Markup:
    """Return an icon of the sprite. Without a label, it is hidden from screen readers."""
    sprite = asset_url("icons")
    return _icon(sprite, name, label) if sprite else Markup("")


@lru_cache(maxsize=1024)  # A page has up to a hundred icons, mostly the same ones: see record 17.
def _icon(sprite: str, name: str, label: str | None) -> Markup:
    named = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    use = f'<use href="{escape(sprite)}#{escape(name)}"></use>'
    return Markup(f'<svg class="icon" {named}>{use}</svg>')  # noqa: S704 - escaped above


def duration(seconds: float) -> str:
    """Format a duration: 12 ms, 3.4 s, 5 min 10 s, 2 h 3 min."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole, size, units = (
        (int(seconds), MINUTE, ("min", "s"))
        if seconds < HOUR
        else (int(seconds) // MINUTE, HOUR // MINUTE, ("h", "min"))
    )
    words = f"{whole // size} {units[0]}"
    return f"{words} {whole % size} {units[1]}" if whole % size else words


def number(value: int) -> str:
    """Format a number with thousands separators: 1,234."""
    return f"{value:,}"


def kind(field: Field) -> str:
    """Return how to render a form field. A subclass is rendered like its base class.

    The result is form, list, radio, checkboxes, select, textarea, or the type of an <input>.
    """
    if isinstance(field, FormField):
        return "form"
    if isinstance(field, FieldList):
        return "list"
    if option := getattr(getattr(field, "option_widget", None), "input_type", None):
        return "radio" if option == "radio" else "checkboxes"
    if isinstance(field.widget, Select):
        return "select"
    return str(getattr(field.widget, "input_type", "textarea"))


MenuItem = tuple[str, str, str]  # endpoint, label, icon


def menu_items(name: str) -> list[MenuItem]:
    """Return the entries of a menu without groups. The macros hide pages that are not open."""
    return [item for _group, items in menu_groups(name) for item in items]


def menu_groups(name: str) -> list[tuple[str, list[MenuItem]]]:
    """Return the groups of a menu with their entries. Entries without a group are in "".

    The macros hide the pages that the visitor may not open.
    """
    groups: dict[str, list[MenuItem]] = {}
    hiding = gatekeeper.hiding()
    for entry in slots.menu(name):
        is_closed = any(not gatekeeper.skips(current_app, entry.endpoint, one) for one in hiding)
        is_off = entry.setting and not current_app.config[entry.setting]
        if not is_closed and not is_off and (not entry.needs or may_open(entry.needs)):
            item = (entry.endpoint, entry.label, entry.icon)
            groups.setdefault(entry.group, []).append(item)
    return list(groups.items())


def user_list_actions() -> list[UserListAction]:
    """Return the buttons above the list of users that are available to the visitor."""
    found = slots.user_list_actions()
    return [one for one in found if may_open(one.endpoint) and one.is_offered()]
