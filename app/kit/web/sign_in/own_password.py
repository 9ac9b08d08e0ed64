"""Ask signed-in users for their own password, and for more where it would prove too little."""

from typing import Any

from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.kit.web.forms import BaseForm
from app.kit.web.gates import GATES, closed_to, gate
from app.kit.web.sign_in.second_steps import steps_of


@gate("password_not_enough")
def ask_for_more_than_the_password() -> ResponseReturnValue | None:
    """Ask for a fresh sign-in of users with a second step, and of users who have no password."""
    if current_user.password_hash is not None and not steps_of(current_user, "password"):
        return None
    return GATES["stale_sign_in"].ask()


more_than_password_required = closed_to("password_not_enough")


class OwnPasswordForm(BaseForm):
    """A form with a field for the user's own password. Users without one do not see the field.

    Its view has `@more_than_password_required`, so that these have signed in a short while ago.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        # Other fields of passwords are for new ones.
        name = "old_password" if "old_password" in self else "password"
        self._own = self[name]
        if current_user.password_hash is None:
            del self[name]

    @property
    def own_password(self) -> str:
        return self._own.data or ""

    def refuse_password(self) -> None:
        self._own.errors = ["This is not your password."]
