"""The blueprint of the development pages. It is disabled in production."""

from flask import Blueprint, Flask, abort, current_app

from app.kit.web.gates import open_to

# A developer opens the confirmation mail here, so unconfirmed users are allowed.
dev = open_to("unconfirmed", "must_change_password")(Blueprint("dev", __name__, url_prefix="/dev"))


def is_allowed(app: Flask) -> bool:
    return bool(app.config["DEV_PAGES"]) and not app.config["PRODUCTION"]


@dev.before_request
def insist_on_development() -> None:
    if not is_allowed(current_app):
        abort(404)
