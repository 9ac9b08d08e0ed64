"""Declare gates, which are checks before a view, and the gates that a view skips.

A gate is a function that returns None to let the request pass, or a response. `@gate` registers it
under the state that it blocks, such as "unconfirmed". Gates with an order run before every view,
except views marked with `@open_to("unconfirmed")`. A gate without an order runs only for views
marked with `@closed_to(...)`, after their own permission check. app.kit.web.gatekeeper runs them.

The gate of a feature may be missing, so other views do not name it. They are marked with what they
do, such as `@signs_in`, and the gate names the marks that it spares.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import redirect
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from app.kit.web.accept import wants_json
from config import ConfigurationError

Ask = Callable[[], ResponseReturnValue | None]
Mark = Callable[[Any], Any]  # a decorator that says what a view does, such as signs_in
Target = TypeVar("Target")


@dataclass(frozen=True)
class Gate:
    """A named check. With `blueprint`, it applies only to the views of this blueprint."""

    name: str
    ask: Ask
    order: int | None
    blueprint: str | None
    spares: frozenset[Mark]
    hides: Callable[[], bool] | None


class GateClosed(Forbidden):
    """A gate rejects a JSON request, because the client cannot follow a redirect to a page."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title, self.message = title, message


GATES: dict[str, Gate] = {}


def gate(
    name: str,
    *,
    order: int | None = None,
    blueprint: str | None = None,
    spares: Iterable[Mark] = (),
    hides: Callable[[], bool] | None = None,
) -> Callable[[Ask], Ask]:
    """Register the decorated function as the gate `name`. Gates run in ascending `order`.

    The gate lets views with a mark of `spares` through. While `hides` returns True, menus leave
    out the views that the gate closes. Raises ConfigurationError if another gate has this name.
    """

    def register(ask: Ask) -> Ask:
        if name in GATES:
            other = GATES[name].ask
            raise ConfigurationError(
                f"{ask.__module__}.{ask.__name__} and {other.__module__}.{other.__name__} are both "
                f"the gate {name!r}: rename one of them."
            )
        spared = frozenset({open_to_every_gate, *spares})
        GATES[name] = Gate(name, ask, order, blueprint, spared, hides)
        return ask

    return register


def open_to(*names: str) -> Callable[[Target], Target]:
    """Let requests for a view, or for every view of a blueprint, skip the gates `names`."""

    def mark(target: Target) -> Target:
        return _add(target, "open_to", *names)

    return mark


def open_to_every_gate(view: Target) -> Target:
    """Mark a view that no gate may close: signing out, or figures that need no user."""
    return _add(view, "marks", open_to_every_gate)


def signs_in(view: Target) -> Target:
    """Mark a view that signs users in, or asks them to prove again who they are."""
    return _add(view, "marks", signs_in)


def sets_up_second_step(view: Target) -> Target:
    """Mark a view on which users set up a second step of their sign-in."""
    return _add(view, "marks", sets_up_second_step)


def explains_gate(view: Target) -> Target:
    """Mark a page that only says why a gate holds the user back, or a picture on such pages."""
    return _add(view, "marks", explains_gate)


# Gates lead users to these views. A later gate that closes them may redirect in a circle.
WAYS_OUT = (signs_in, sets_up_second_step, explains_gate)


def marks_of(view: object) -> frozenset[Mark]:
    """Return the decorators above that mark a view."""
    found: frozenset[Mark] = getattr(view, "marks", frozenset())
    return found


def closed_to(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run the gate `name` before a view. Put this decorator below the permission check."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            answer = GATES[name].ask()
            return view(*args, **kwargs) if answer is None else answer

        return _add(guarded, "closed_to", name)

    return decorate


def for_monitors(view: Target) -> Target:
    """Mark a view for monitors: any host name and plain HTTP are accepted, without a user.

    Load balancers send these requests inside the network, past the proxy that terminates TLS. The
    response must contain no secret.
    """
    marked: Any = view
    marked.for_monitors = True
    return view


def lead_to(url: str, *, title: str, message: str) -> ResponseReturnValue:
    """Redirect to the page that opens a gate. Raises GateClosed if the client wants JSON."""
    if wants_json():
        raise GateClosed(title, message)
    return redirect(url)


def _add(target: Target, attribute: str, *values: object) -> Target:
    setattr(target, attribute, getattr(target, attribute, frozenset()) | frozenset(values))
    return target
