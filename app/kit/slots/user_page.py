"""Register the actions and panels of a user's page in the admin area."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask

from app.kit.slots.panels import PanelLoader, Panels, ShownPanel
from config import ConfigurationError

Target = TypeVar("Target", bound=Callable[..., Any])
Place = Literal["header", "manage", "access", "danger", ""]
IsAvailable = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class UserAction:
    """An action on a user, and its button on the user's page.

    `endpoint` takes a `user_id`. An action without a `place` has its button in a panel. Below the
    header, buttons with the same `heading` share a row with the `text` of the first. `text` may
    name settings, as in "{RESTORE_DELETED_DAYS}". Screen readers add `hidden` to the label. It may
    name the user, as in "{name}".
    """

    endpoint: str
    label: str
    place: Place
    order: int
    heading: str
    text: str
    hidden: str
    icon: str
    tone: str
    is_posted: bool
    skips_self: bool
    of_deleted: bool
    is_available: IsAvailable


_user_actions: dict[str, UserAction] = {}
_user_panels = Panels()


def user_action(
    endpoint: str,
    label: str,
    *,
    place: Place = "",
    order: int = 100,
    heading: str = "",
    text: str = "",
    hidden: str = "",
    icon: str = "",
    tone: str = "secondary",
    is_posted: bool = False,
    skips_self: bool = True,
    of_deleted: bool = False,
) -> Callable[[IsAvailable], IsAvailable]:
    """Add an action to the pages of users.

    The decorated function takes a user and an administrator, and returns whether the action is
    available now. It is not called for users with more permissions than the administrator. Deleted
    users are left out unless `of_deleted`, and the administrator's own account if `skips_self`.
    """

    def register(is_available: IsAvailable) -> IsAvailable:
        if endpoint in _user_actions:
            raise ConfigurationError(f"Two actions on users have the endpoint {endpoint}.")
        _user_actions[endpoint] = UserAction(
            endpoint, label, place, order, heading, text, hidden, icon, tone, is_posted, skips_self,
            of_deleted, is_available,
        )  # fmt: skip
        return is_available

    return register


def user_actions() -> list[UserAction]:
    """Return the actions on users, sorted by the `order` of their buttons."""
    return sorted(_user_actions.values(), key=lambda one: one.order)


def user_action_at(endpoint: str) -> UserAction:
    """Return the action of an endpoint. `check` ensures that every marked view has one."""
    return _user_actions[endpoint]


def user_panel(template: str, *, order: int = 100) -> Callable[[PanelLoader], PanelLoader]:
    """Add a panel to the pages of users.

    The decorated function takes a user and an administrator. It returns the values of the panel, or
    None to hide it.
    """
    return _user_panels.add(template, order=order)


def shown_panels(user: Any, by: Any) -> list[ShownPanel]:
    """Load the panels that the page of `user` shows to `by`, sorted by `order`."""
    return _user_panels.shown(user, by)


def acts_on_user(view: Target) -> Target:
    """Mark a view that gets its action from `user_action_at`."""
    marked: Any = view
    marked.acts_on_user = True
    return view


def check(app: Flask) -> None:
    """Raise ConfigurationError if an action has no view, or a marked view has no action."""
    for endpoint in _user_actions:
        if endpoint not in app.view_functions:
            raise ConfigurationError(
                f"@user_action names {endpoint}, but there is no such view. Correct the endpoint."
            )
    for endpoint, view in app.view_functions.items():
        if getattr(view, "acts_on_user", False) and endpoint not in _user_actions:
            raise ConfigurationError(
                f"The view {endpoint} acts on a user. Register its action with @slots.user_action."
            )
