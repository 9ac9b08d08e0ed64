"""List the landing pages of roles: the blueprints with an `index` page."""

from flask import current_app


def known() -> dict[str, str]:
    """Return the blueprints with an `index` page, and its URL path."""
    found = {}
    for rule in current_app.url_map.iter_rules():
        blueprint, _, view = rule.endpoint.rpartition(".")
        if view == "index" and blueprint and not rule.arguments and "GET" in (rule.methods or ()):
            found[blueprint] = rule.rule
    return dict(sorted(found.items(), key=lambda home: home[1]))


def path(blueprint: str) -> str:
    """Return the URL path of a blueprint's landing page, or of the usual one if it is gone."""
    homes = known()
    return homes.get(blueprint, homes.get("main", "/"))


def words(blueprint: str) -> str:
    """Describe a landing page, as in "Main, at /", or return the name if it no longer exists."""
    path = known().get(blueprint)
    return f"{blueprint.replace('_', ' ').capitalize()}, at {path}" if path else blueprint
