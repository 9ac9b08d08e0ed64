"""Register sign-in methods besides the password: their buttons, and which users have them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select

from app.extensions import db
from app.kit.slots.panels import PanelLoader, Panels, ShownPanel

# From an id of a user, or a column of ids, to the SQL condition that they have the method.
HasSignInMethod = Callable[[Any], ColumnElement[bool]]
IsShown = Callable[[], bool]


class Parts:
    """Templates that a page includes below its form."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, str, IsShown]] = []

    def add(self, template: str, *, order: int = 100, is_shown: IsShown = lambda: True) -> None:
        """Include a template. It must not use the database.

        A template that is not shown costs nothing, and an include takes 2 % of the time of the
        sign-in page.
        """
        self._parts.append((order, template, is_shown))
        self._parts.sort(key=lambda part: part[:2])

    def shown(self) -> list[str]:
        return [template for _order, template, is_shown in self._parts if is_shown()]


class LastSignInMethod(Exception):
    """Raised if a user could not sign in any more without their last method."""


_on_sign_in, _on_register, _on_confirm = Parts(), Parts(), Parts()
# The pages to sign in, to register, and to confirm an account that has no password.
sign_in_part, sign_in_parts = _on_sign_in.add, _on_sign_in.shown
register_part, register_parts = _on_register.add, _on_register.shown
confirm_part, confirm_parts = _on_confirm.add, _on_confirm.shown

_fresh_sign_in_parts = Panels()
_sign_in_methods: dict[str, HasSignInMethod] = {}


def fresh_sign_in_part(template: str, *, order: int = 100) -> Callable[[PanelLoader], PanelLoader]:
    """Add a panel below the form that asks a signed-in user for the password again.

    The decorated function takes the user twice. It returns the values of the panel, or None to hide
    it.
    """
    return _fresh_sign_in_parts.add(template, order=order)


def fresh_sign_in_parts(user: Any) -> list[ShownPanel]:
    return _fresh_sign_in_parts.shown(user, user)


def sign_in_method(name: str) -> Callable[[HasSignInMethod], HasSignInMethod]:
    """Register a sign-in method besides the password.

    The decorated function takes a user's id, which may be a column, and returns the SQL condition
    that the user has set the method up.
    """

    def register(has_method: HasSignInMethod) -> HasSignInMethod:
        _sign_in_methods[name] = has_method
        return has_method

    return register


def has_sign_in_method(user_id: Any, *, but: str = "") -> ColumnElement[bool]:
    """Return the SQL condition that a user can sign in without a password, and not by `but`."""
    conditions = (has(user_id) for name, has in _sign_in_methods.items() if name != but)
    return or_(false(), *conditions)


def has_other_sign_in_method(user: Any, name: str) -> bool:
    """Tell whether a user can sign in without the method `name`, by a password or another one.

    Ask this with the user locked, before you remove the last of their passkeys or linked accounts.
    """
    if user.password_hash is not None:
        return True
    return bool(db.session.scalar(select(has_sign_in_method(user.id, but=name))))
