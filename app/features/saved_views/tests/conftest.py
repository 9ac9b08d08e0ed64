"""Show the tests' own table as a page."""

import pytest
from flask import Flask
from flask_login import login_required

from app.features.saved_views.tests.lists import roles
from app.kit.web import table_pages


@pytest.fixture
def shown_list(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the list into the place of the page on which members begin."""
    page = login_required(lambda: table_pages.show(roles))
    monkeypatch.setitem(app.view_functions, "account.index", page)
