"""Fixtures for the tests of the application and of each feature."""

from app.kit import features

# The tests of a feature that is off are left out with it.
collect_ignore = [
    str(features.FOLDER / one.name) for one in features.installed().values() if one.off
]

pytest_plugins = [
    "tests.fixtures.core",
    "tests.fixtures.last_administrator",
    "tests.fixtures.own_app",
    "tests.fixtures.processes",
    "tests.fixtures.queues",
    "tests.fixtures.races",
    "tests.fixtures.strangers",
]
