"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.routes import ANYONE

ACCESS = {
    "main.readyz": ANYONE,
}


WITHOUT_SESSION = dict.fromkeys(ACCESS, "for monitors, which keep no cookie")
OPEN_TO_UNCONFIRMED = dict.fromkeys(ACCESS, "for monitors")
CARDS = {Permission.MANAGE_JOBS: "System"}
