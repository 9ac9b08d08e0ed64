"""The second step of a sign-in: its methods, and the sign-in that waits for it.

Features register methods, such as a code from an app. While a sign-in waits, no session exists. The
session cookie holds a token that expires and is bound to the state of the account. It opens nothing
without the second step.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import redirect, session, url_for
from flask.typing import ResponseReturnValue

from app.kit import tokens

PENDING = "waiting_sign_in"
SECONDS = 600
LONGEST_URL = 1_000  # characters, because the cookie holds 4,096 bytes

HasMethod = Callable[[Any, str], bool]
Vouches = Callable[[Any], bool]
Demands = Callable[[Any], bool]
UseCode = Callable[[Any, str], bool]


@dataclass(frozen=True, slots=True)
class SecondStep:
    """A method, and the endpoint of the page that asks for it. `label` is a link to the page.

    `use_code` takes the code of a program, which has no page.
    """

    endpoint: str
    label: str
    order: int
    is_asked: bool
    has_method: HasMethod
    use_code: UseCode | None


@dataclass(frozen=True, kw_only=True)
class PendingSignIn:
    """A sign-in after its first step. With a `session_id`, it makes this session fresh."""

    method: str
    remember: bool = False
    to: str = ""
    session_id: int | None = None


_steps: list[SecondStep] = []
_vouches: list[Vouches] = []
_demands: list[Demands] = []


def second_step(
    endpoint: str,
    label: str,
    *,
    order: int = 100,
    is_asked: bool = True,
    use_code: UseCode | None = None,
) -> Callable[[HasMethod], HasMethod]:
    """Add a method. The decorated function tells whether a user has it after another method.

    A user with a method that `is_asked` gets a second step. It begins at the page with the lowest
    `order`, which links to the others. `use_code` uses up a code of a user, and tells whether it
    was right. The caller commits.
    """

    def register(has_method: HasMethod) -> HasMethod:
        _steps.append(SecondStep(endpoint, label, order, is_asked, has_method, use_code))
        return has_method

    return register


def vouches_for_browser(vouches: Vouches) -> Vouches:
    """Skip the second step of signing in if the decorated function says so. It reads cookies."""
    _vouches.append(vouches)
    return vouches


def demands_second_step(demands: Demands) -> Demands:
    """Ask users for any method that they have if the decorated function says so."""
    _demands.append(demands)
    return demands


def steps_of(user: Any, method: str) -> list[SecondStep]:
    """Return the methods of `user`, or none if no second step follows the first step `method`."""
    found: list[SecondStep] = []
    demanded = is_demanded(user)
    for step in sorted(_steps, key=lambda step: (not step.is_asked, step.order)):
        if (found or step.is_asked or demanded) and step.has_method(user, method):
            found.append(step)
    return found


def is_demanded(user: Any) -> bool:
    """Return whether `user` must prove a second factor, whether or not they have one."""
    return any(demands(user) for demands in _demands)


def has_proved_steps(user: Any) -> bool:
    """Return whether the session of `user` has proved all steps that a sign-in would demand now."""
    return user.session.has_second_factor or not steps_of(user, "password")


def is_vouched_for(user: Any) -> bool:
    """Return whether `user` trusts this browser after an earlier second step."""
    return any(vouches(user) for vouches in _vouches)


def ask(user: Any, pending: PendingSignIn, steps: list[SecondStep]) -> ResponseReturnValue:
    """Keep a sign-in in the cookie, and redirect to the page of the first of `steps`.

    It expires after ten minutes, or when `user.sign_in_state()` changes.
    """
    token = tokens.make("second_step", user.id, user.sign_in_state(), expires_in=SECONDS)
    values = asdict(pending) | {"to": pending.to if len(pending.to) <= LONGEST_URL else ""}
    session[PENDING] = {"token": token, **values}
    return redirect(url_for(steps[0].endpoint))
