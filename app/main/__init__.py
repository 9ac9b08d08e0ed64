"""Public pages, and the two addresses that a platform asks whether the app is well."""

from flask import Blueprint

main = Blueprint("main", __name__)

from app.main import views  # noqa: E402,F401 - the views need the blueprint
