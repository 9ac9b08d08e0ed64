"""Public pages, and the URL that tells a platform that the process is alive."""

from flask import Blueprint

main = Blueprint("main", __name__)

from app.main import views  # noqa: E402,F401 - the views need the blueprint
