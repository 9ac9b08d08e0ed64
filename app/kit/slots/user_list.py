"""Register the buttons above the list of users, and the form for selected users."""

from collections.abc import Callable
from dataclasses import dataclass

from config import ConfigurationError

IsOffered = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class UserListAction:
    """A button above the list of users. The last available button is the primary one."""

    endpoint: str
    label: str
    icon: str
    order: int
    is_offered: IsOffered


@dataclass(frozen=True, slots=True)
class UserSelection:
    """A form for the users that are selected in the list. It adds check boxes to the rows.

    `bar` is the template of the form, and `form` is its id. The form gets the ids as `user_ids`.
    """

    bar: str
    form: str


_user_list_actions: list[UserListAction] = []
_user_selections: list[UserSelection] = []


def user_list_action(
    endpoint: str, label: str, *, icon: str = "", order: int = 100
) -> Callable[[IsOffered], IsOffered]:
    """Add a button to the list of users. The decorated function returns whether to show it.

    The button is hidden from users who may not open the endpoint.
    """

    def register(is_offered: IsOffered) -> IsOffered:
        _user_list_actions.append(UserListAction(endpoint, label, icon, order, is_offered))
        return is_offered

    return register


def user_list_actions() -> list[UserListAction]:
    """Return the buttons above the list of users, sorted by `order`."""
    return sorted(_user_list_actions, key=lambda one: one.order)


def user_selection(*, bar: str, form: str) -> None:
    """Add the form for selected users. Raises ConfigurationError if another form exists."""
    if _user_selections:
        raise ConfigurationError(
            f"{bar} and {_user_selections[0].bar} both let users be picked in their list, where a "
            "row has one check box. Remove one of them."
        )
    _user_selections.append(UserSelection(bar, form))


def selection_of_users() -> UserSelection | None:
    """Return the form for the users that are selected in the list, if there is one."""
    return next(iter(_user_selections), None)
