"""Declare gates, which are checks before a view, and the gates that a view skips.

A gate is a function that returns None to let the request pass, or a response. `@gate` registers it
under the state that it blocks, such as "unconfirmed". Gates with an order run before every view,
except views marked with `@open_to("unconfirmed")`. A gate without an order runs only for views
marked with `@closed_to(...)`, after their own permission check. app.kit.web.gatekeeper runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import redirect
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from app.kit.web.accept import wants_json
from config import ConfigurationError

Ask = Callable[[], ResponseReturnValue | None]
Target = TypeVar("Target")


@dataclass(frozen=True)
class Gate:
    """A named check. With `blueprint`, it applies only to the views of this blueprint."""

    name: str
    ask: Ask
    order: int | None
    blueprint: str | None


class GateClosed(Forbidden):
    """A gate rejects a JSON request, because the client cannot follow a redirect to a page."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title, self.message = title, message


GATES: dict[str, Gate] = {}
RESERVED: set[str] = set()  # names of gates that may be missing


def gate(
    name: str, *, order: int | None = None, blueprint: str | None = None
) -> Callable[[Ask], Ask]:
    """Register the decorated function as the gate `name`. Gates run in ascending `order`.

    Raises ConfigurationError if another gate has this name.
    """

    def register(ask: Ask) -> Ask:
        if name in GATES:
            other = GATES[name].ask
            raise ConfigurationError(
                f"{ask.__module__}.{ask.__name__} and {other.__module__}.{other.__name__} are both "
                f"the gate {name!r}: rename one of them."
            )
        GATES[name] = Gate(name, ask, order, blueprint)
        return ask

    return register


def reserve(*names: str) -> None:
    """Reserve the names of gates of optional features, so that views may always use them."""
    RESERVED.update(names)


def open_to(*names: str) -> Callable[[Target], Target]:
    """Let requests for a view, or for every view of a blueprint, skip the gates `names`."""

    def mark(target: Target) -> Target:
        found: Any = target
        found.open_to = getattr(found, "open_to", frozenset()) | frozenset(names)
        return target

    return mark


def closed_to(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run the gate `name` before a view. Put this decorator below the permission check."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            answer = GATES[name].ask()
            return view(*args, **kwargs) if answer is None else answer

        marked: Any = guarded
        marked.closed_to = getattr(view, "closed_to", frozenset()) | {name}
        return guarded

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
