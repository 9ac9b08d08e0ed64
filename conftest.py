"""Fixtures for the tests of the application and of each feature."""

pytest_plugins = [
    "tests.fixtures.core",
    "tests.fixtures.last_administrator",
    "tests.fixtures.own_app",
    "tests.fixtures.processes",
    "tests.fixtures.queues",
    "tests.fixtures.races",
    "tests.fixtures.strangers",
]
