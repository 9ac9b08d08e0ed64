"""Pages for whoever develops the app: the inbox, the patterns, live reload. None in production."""

from flask import Blueprint, Flask, abort, current_app

dev = Blueprint("dev", __name__, url_prefix="/dev")

from app.dev import views  # noqa: E402,F401 - the views need the blueprint


def init_app(app: Flask) -> None:
    """Register the pages unless `app` runs in production, whatever DEV_PAGES says."""
    if _is_allowed(app):
        app.register_blueprint(dev)


@dev.before_request
def insist_on_development() -> None:
    if not _is_allowed(current_app):
        abort(404)


def _is_allowed(app: Flask) -> bool:
    return bool(app.config["DEV_PAGES"]) and not app.config["PRODUCTION"]
