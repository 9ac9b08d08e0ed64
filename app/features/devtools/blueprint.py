"""The blueprint of the development pages, which no production app has."""

from flask import Blueprint, Flask, abort, current_app

from app.kit.web.gates import open_to

# A developer reads mail here before the address is confirmed.
dev = open_to("unconfirmed", "must_change_password")(Blueprint("dev", __name__, url_prefix="/dev"))


def is_allowed(app: Flask) -> bool:
    return bool(app.config["DEV_PAGES"]) and not app.config["PRODUCTION"]


@dev.before_request
def insist_on_development() -> None:
    if not is_allowed(current_app):
        abort(404)
