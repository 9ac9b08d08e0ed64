"""The pages on which users manage their own account."""

from flask import Blueprint

account = Blueprint("account", __name__)

from app.account import views  # noqa: E402,F401 - the views need the blueprint
