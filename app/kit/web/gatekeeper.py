"""Run the gates before a view, except those that the view skips (app.kit.web.gates)."""

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue

from app.kit.web import gates
from app.kit.web.gates import Ask, Gate
from config import ConfigurationError


def in_order() -> list[Gate]:
    """Return the gates that run before every view, in their order."""
    ordered = [gate for gate in gates.GATES.values() if gate.order is not None]
    return sorted(ordered, key=lambda one: (one.order, one.name))


def hiding() -> list[Gate]:
    """Return the gates that now hide the menu entries of the views that they close."""
    return [gate for gate in gates.GATES.values() if gate.hides is not None and gate.hides()]


def skips(app: Flask, endpoint: str, gate: Gate) -> bool:
    """Return whether requests for `endpoint` skip `gate`."""
    blueprint, _, _name = endpoint.rpartition(".")
    if gate.order is None or needs_no_user(app, endpoint):
        return True
    if gate.blueprint not in {None, blueprint}:
        return True
    if not gate.spares.isdisjoint(gates.marks_of(app.view_functions.get(endpoint))):
        return True
    return gate.name in _declared(app, endpoint)


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
        found = (one for one in in_order() if not skips(app, request.endpoint, one))
        asked[request.endpoint] = tuple(one.ask for one in found)
    for ask in asked[request.endpoint]:
        if (answer := ask()) is not None:
            return answer
    return None


def check_gates(app: Flask) -> None:
    """Raise ConfigurationError if a view names a gate that does not exist."""
    for endpoint, view in app.view_functions.items():
        for name in sorted(_declared(app, endpoint) | getattr(view, "closed_to", frozenset())):
            if name not in gates.GATES:
                known = ", ".join(sorted(gates.GATES))
                raise ConfigurationError(
                    f"The view {endpoint} names the gate {name!r}, which does not exist. Correct "
                    f"the name or register the gate with @gate; the gates are {known}. If the gate "
                    "is that of a feature which may be missing, mark what the view does, such as "
                    "@signs_in (docs/customising.md, Gates)."
                )


def _declared(app: Flask, endpoint: str) -> frozenset[str]:
    view, blueprint = app.view_functions.get(endpoint), endpoint.rpartition(".")[0]
    nothing: frozenset[str] = frozenset()
    of_blueprint: frozenset[str] = getattr(app.blueprints.get(blueprint), "open_to", nothing)
    return of_blueprint | getattr(view, "open_to", nothing)


def _is_for_monitors(app: Flask, endpoint: str) -> bool:
    return getattr(app.view_functions.get(endpoint), "for_monitors", False)
