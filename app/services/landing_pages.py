"""Where people begin once they have signed in: the blueprints that have an index page."""

from flask import current_app


def known() -> dict[str, str]:
    """Return the blueprints that have an index page, and its address."""
    found = {}
    for rule in current_app.url_map.iter_rules():
        blueprint, _, view = rule.endpoint.rpartition(".")
        if view == "index" and blueprint and not rule.arguments and "GET" in (rule.methods or ()):
            found[blueprint] = rule.rule
    return dict(sorted(found.items(), key=lambda home: home[1]))


def words(blueprint: str) -> str:
    """Return what people are told of a home: "Main, at /"; of one that is gone, its name."""
    path = known().get(blueprint)
    return f"{blueprint.replace('_', ' ').capitalize()}, at {path}" if path else blueprint
