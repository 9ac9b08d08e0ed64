"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from tests.routes import ANYONE

ACCESS = {
    "metrics.read": ANYONE,  # with the token of the setting, which is no user's
}
MARKS = {
    "metrics.read": "open_to_every_gate",
}

SETTINGS = {"METRICS_TOKEN": "a-token-for-the-tests-of-all-routes"}
