"""The places of pages where the core and the features plug in.

Menus are data: the core's own entries are in `app/core.toml`, those of a feature in its
`feature.toml`. The rest is registered by decorators, features' in their module `slots`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from flask import Flask

from app.kit import features
from config import ConfigurationError
from settings import manifests
from settings.manifests import MenuEntry

Values = Mapping[str, Any]
Loader = Callable[[], Values | None]
Column = Literal["full", "wide", "narrow", "alone"]
Target = TypeVar("Target", bound=Callable[..., Any])


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu by their `order`, also those that a visitor may not open."""
    menus = [features.core().menu]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))


def icons() -> set[str]:
    """Return the icons of menus and actions, for the sprite."""
    used = {entry.icon for name in manifests.MENUS for entry in menu(name)}
    used |= {one.icon for one in user_actions()} | {one.icon for one in user_list_actions()}
    return used - {""}


# Cards of the dashboard


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the dashboard, for users who have `permission`.

    `load` returns what `template` shows as `card.data`, or None to leave the card out. A card
    "alone" is shown to users who have no other card. `lead` continues the line above all cards.
    """

    permission: int
    template: str
    column: Column
    order: int
    lead: str
    load: Loader


_cards: list[Card] = []


def card(
    permission: int, *, template: str, column: Column, order: int = 100, lead: str = ""
) -> Callable[[Loader], Loader]:
    """Add a card to the dashboard; the decorated function returns what the card shows."""

    def register(load: Loader) -> Loader:
        _cards.append(Card(permission, template, column, order, lead, load))
        return load

    return register


def cards() -> list[Card]:
    """Return the cards of the dashboard in their order."""
    return sorted(_cards, key=lambda one: one.order)


# A user's page in the admin area

Place = Literal["header", "manage", "access", "danger", ""]
IsAvailable = Callable[[Any, Any], bool]
PanelLoader = Callable[[Any, Any], Values | None]


@dataclass(frozen=True, slots=True)
class UserAction:
    """Something that may be done to a user, and its button on the user's page.

    `endpoint` takes a `user_id`. An action without a `place` has its button in a panel. Below the
    header, buttons with the same `heading` share a row with the `text` of the first. `text` may
    name settings, as in "{RESTORE_DELETED_DAYS}". Screen readers add `hidden` to the label; it may
    name the user: "{name}".
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


@dataclass(frozen=True, slots=True)
class UserPanel:
    """A panel of a user's page. `template` finds what `load` returns as `panel.data`."""

    template: str
    order: int
    load: PanelLoader


_user_actions: dict[str, UserAction] = {}
_user_panels: list[UserPanel] = []


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

    The decorated function tells of a user and an administrator whether it can be done now. It is
    not asked about users who may do more than the administrator, about deleted users unless
    `of_deleted`, nor about the administrator's own account if the action `skips_self`.
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
    """Return the actions on users in the order of their buttons."""
    return sorted(_user_actions.values(), key=lambda one: one.order)


def user_action_at(endpoint: str) -> UserAction:
    """Return the action of an endpoint; `check` has seen that every view of an action has one."""
    return _user_actions[endpoint]


def user_panel(template: str, *, order: int = 100) -> Callable[[PanelLoader], PanelLoader]:
    """Add a panel to the pages of users.

    The decorated function takes a user and an administrator and returns what the panel shows, or
    None to leave it out.
    """

    def register(load: PanelLoader) -> PanelLoader:
        _user_panels.append(UserPanel(template, order, load))
        return load

    return register


def user_panels() -> list[UserPanel]:
    """Return the panels that follow the core's own, in their order."""
    return sorted(_user_panels, key=lambda one: one.order)


def acts_on_user(view: Target) -> Target:
    """Mark a view that asks `user_action_at` for its action."""
    marked: Any = view
    marked.acts_on_user = True
    return view


def check(app: Flask) -> None:
    """Raise ConfigurationError if an action on users has no view, or a marked view no action."""
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


# The list of users in the admin area

IsOffered = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class UserListAction:
    """A button above the list of users. The last one that is offered is the main one."""

    endpoint: str
    label: str
    icon: str
    order: int
    is_offered: IsOffered


@dataclass(frozen=True, slots=True)
class UserSelection:
    """A form for the users that are picked in their list.

    `bar` is the template of the form, `boxes` one with the macros `box_for_all()` and
    `box_for(id, name)`, the check boxes of the heading and of a row.
    """

    bar: str
    boxes: str


_user_list_actions: list[UserListAction] = []
_user_selections: list[UserSelection] = []


def user_list_action(
    endpoint: str, label: str, *, icon: str = "", order: int = 100
) -> Callable[[IsOffered], IsOffered]:
    """Add a button to the list of users; the decorated function tells whether to offer it.

    Users who may not open the endpoint are not offered it either.
    """

    def register(is_offered: IsOffered) -> IsOffered:
        _user_list_actions.append(UserListAction(endpoint, label, icon, order, is_offered))
        return is_offered

    return register


def user_list_actions() -> list[UserListAction]:
    """Return the buttons above the list of users in their order."""
    return sorted(_user_list_actions, key=lambda one: one.order)


def user_selection(*, bar: str, boxes: str) -> None:
    """Let users be picked in their list. Raises ConfigurationError if another form does already."""
    if _user_selections:
        raise ConfigurationError(
            f"{bar} and {_user_selections[0].bar} both let users be picked in their list, where a "
            "row has one check box. Remove one of them."
        )
    _user_selections.append(UserSelection(bar, boxes))


def selection_of_users() -> UserSelection | None:
    """Return the form for the users that are picked in their list, if there is one."""
    return next(iter(_user_selections), None)


# Banners above every page, also above error pages

_banners: list[str] = []


def banner(template: str) -> None:
    """Include a template above every page. It asks neither the user nor the database."""
    _banners.append(template)


def banners() -> tuple[str, ...]:
    return tuple(_banners)


# The pages of the rows that events are about

RowArguments = Callable[[int], dict[str, Any] | None]
_subject_pages: dict[str, tuple[str, RowArguments]] = {}


def subject_page(kind: str, endpoint: str) -> Callable[[RowArguments], RowArguments]:
    """Register the page of rows of a kind, to which the event about such a row leads.

    `kind` is the name of the model in lower case. The function returns the arguments of the page of
    the row with an id, or None if the row is gone.
    """

    def register(arguments: RowArguments) -> RowArguments:
        _subject_pages[kind] = endpoint, arguments
        return arguments

    return register


def subject_page_of(kind: str, row_id: int | None) -> tuple[str, dict[str, Any]] | None:
    """Return the endpoint and the arguments of the page of a row, or None if it has none."""
    if kind not in _subject_pages or row_id is None:
        return None
    endpoint, arguments_of = _subject_pages[kind]
    arguments = arguments_of(row_id)
    return None if arguments is None else (endpoint, arguments)
