"""Run gates, which are checks before a view. Views declare which gates they skip.

A gate is a function that returns None to let the request pass, or a response. `@gate` registers it
under the state that it blocks, such as "unconfirmed". Gates with an order run before every view,
except views marked with `@open_to("unconfirmed")`. A gate without an order runs only for views
marked with `@closed_to(...)`, after their own permission check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, redirect, request
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

    def is_open_to(self, app: Flask, endpoint: str) -> bool:
        """Return whether requests for `endpoint` skip this gate."""
        blueprint, _, _name = endpoint.rpartition(".")
        if self.order is None or needs_no_user(app, endpoint):
            return True
        if self.blueprint not in {None, blueprint}:
            return True
        return self.name in _declared(app, endpoint)


class GateClosed(Forbidden):
    """A gate rejects a JSON request, because the client cannot follow a redirect to a page."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title, self.message = title, message


_gates: dict[str, Gate] = {}
_reserved: set[str] = set()


def gate(
    name: str, *, order: int | None = None, blueprint: str | None = None
) -> Callable[[Ask], Ask]:
    """Register the decorated function as the gate `name`. Gates run in ascending `order`.

    Raises ConfigurationError if another gate has this name.
    """

    def register(ask: Ask) -> Ask:
        if name in _gates:
            other = _gates[name].ask
            raise ConfigurationError(
                f"{ask.__module__}.{ask.__name__} and {other.__module__}.{other.__name__} are both "
                f"the gate {name!r}: rename one of them."
            )
        _gates[name] = Gate(name, ask, order, blueprint)
        return ask

    return register


def reserve(*names: str) -> None:
    """Reserve the names of gates of optional features, so that views may always use them."""
    _reserved.update(names)


def in_order() -> list[Gate]:
    """Return the gates that run before every view, in their order."""
    ordered = [one for one in _gates.values() if one.order is not None]
    return sorted(ordered, key=lambda one: (one.order, one.name))


def is_open_to(name: str, endpoint: str) -> bool:
    """Return whether requests for `endpoint` skip the gate `name`, which may be unregistered."""
    found = _gates.get(name)
    return found is None or found.is_open_to(current_app, endpoint)


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
            answer = _gates[name].ask()
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


def monitor_paths(app: Flask) -> frozenset[str]:
    """Return the paths of the views for monitors."""
    cached: dict[str, frozenset[str]] = app.extensions.setdefault("monitor_paths", {})
    if "paths" not in cached:
        cached["paths"] = frozenset(
            rule.rule for rule in app.url_map.iter_rules() if _is_for_monitors(app, rule.endpoint)
        )
    return cached["paths"]


def needs_no_user(app: Flask, endpoint: str | None) -> bool:
    """Return whether an endpoint responds the same to everyone, so that no user is loaded."""
    name = endpoint or ""
    return name.rpartition(".")[2] == "static" or _is_for_monitors(app, name)


def lead_to(url: str, *, title: str, message: str) -> ResponseReturnValue:
    """Redirect to the page that opens a gate. Raises GateClosed if the client wants JSON."""
    if wants_json():
        raise GateClosed(title, message)
    return redirect(url)


def ask_gates() -> ResponseReturnValue | None:
    """Run the gates in their order, and return the first response.

    This function is registered to run before each request. An error page, such as the one for an
    unknown URL, has no endpoint and no gates.
    """
    if request.endpoint is None:
        return None
    app = current_app
    asked: dict[str, tuple[Ask, ...]] = app.extensions.setdefault("gates", {})
    if request.endpoint not in asked:
        found = (one for one in in_order() if not one.is_open_to(app, request.endpoint))
        asked[request.endpoint] = tuple(one.ask for one in found)
    for ask in asked[request.endpoint]:
        if (answer := ask()) is not None:
            return answer
    return None


def check_gates(app: Flask) -> None:
    """Raise ConfigurationError if a view names a gate that does not exist."""
    for endpoint, view in app.view_functions.items():
        for name in sorted(_declared(app, endpoint) | getattr(view, "closed_to", frozenset())):
            if name not in _gates and name not in _reserved:
                known = ", ".join(sorted({*_gates, *_reserved}))
                raise ConfigurationError(
                    f"The view {endpoint} names the gate {name!r}, which does not exist. Correct "
                    f"the name or register the gate with @gate; the gates are {known}."
                )


def _declared(app: Flask, endpoint: str) -> frozenset[str]:
    view, blueprint = app.view_functions.get(endpoint), endpoint.rpartition(".")[0]
    nothing: frozenset[str] = frozenset()
    of_blueprint: frozenset[str] = getattr(app.blueprints.get(blueprint), "open_to", nothing)
    return of_blueprint | getattr(view, "open_to", nothing)


def _is_for_monitors(app: Flask, endpoint: str) -> bool:
    return getattr(app.view_functions.get(endpoint), "for_monitors", False)
