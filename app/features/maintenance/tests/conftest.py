"""Fixtures for the tests of the maintenance."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.features.maintenance import site_mode, watching
from app.features.maintenance.models import SiteMode, SiteState


@pytest.fixture(autouse=True)
def opened_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the app forget the mode, which it remembers after the database is rolled back."""
    yield
    if "app" in request.fixturenames:
        watching.note(SiteState())


@pytest.fixture
def put(app: Flask) -> Callable[..., None]:
    """Return a function that puts the site into a mode."""

    def change(mode: SiteMode, message: str = "", until: object = None) -> None:
        site_mode.change(SiteState(mode, message, until), by=None)  # type: ignore[arg-type]

    return change
