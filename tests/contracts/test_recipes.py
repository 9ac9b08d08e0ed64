"""The recipes of the guides work as printed. Most are followed in tests/cli/test_new.py."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, redirect, request, session
from flask_login import current_user, login_required, login_user, logout_user
from werkzeug.exceptions import Forbidden

from app import create_app, decorators
from app.kit.web import gatekeeper, gates
from app.kit.web.logs import log_lines
from tests import factories
from tests.contracts import recipes

ROOT = Path(__file__).parents[2]
CUSTOMISING = "docs/customising.md"
FEATURE = "A feature of your own"
FOLDER = "app/features/invoices/"


def recipe(page: str, after: str, language: str) -> str:
    """Return the first code block in `language` after some words of a guide, without its file."""
    text = (ROOT / page).read_text()
    assert after in text
    block = text.partition(after)[2].partition(f"```{language}\n")[2].partition("```")[0]
    return re.sub(r"\A# (app|tests)/.*\n", "", block).strip() + "\n"


@pytest.fixture
def fresh_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "GATES", dict(gates.GATES))
    monkeypatch.setattr(log_lines, "token_paths", set(log_lines.token_paths))
    monkeypatch.setattr(log_lines, "query_paths", set(log_lines.query_paths))


def test_the_gate_and_the_pages_of_the_guide(app: Flask, fresh_registries: None) -> None:
    """Only administrators see reports, the gate leads to the terms, and the token is redacted."""
    main = Blueprint("guide", __name__)
    scope: dict[str, Any] = {
        **vars(gates),
        **vars(decorators),
        "main": main,
        "login_required": login_required,
        "current_user": current_user,
        "session": session,
        "request": request,
        "redirect": redirect,
        "url_for": lambda endpoint: f"/{endpoint}",
        "render_template": lambda name, **values: name,
    }
    own_gate = "where its state is kept"
    for words in ("administrators alone", "A new view is behind", own_gate, "Declare the"):
        exec(recipe(CUSTOMISING, words, "python"), scope)  # noqa: S102
    guide = create_app("testing")
    guide.register_blueprint(main)
    gatekeeper.check_gates(guide)
    terms = next(gate for gate in gatekeeper.in_order() if gate.name == "terms_not_accepted")
    ways_out = ("guide.accept_terms", "account.logout", "account.reauthenticate")
    assert all(gatekeeper.skips(guide, endpoint, terms) for endpoint in ways_out)
    assert not gatekeeper.skips(guide, "account.manage", terms)
    with app.test_request_context(method="POST"):
        login_user(factories.make_user())
        assert scope["lead_to_terms"]().location == "/main.accept_terms"
        assert scope["accept_terms"]().location == "/main.index"
        assert scope["lead_to_terms"]() is None
        with pytest.raises(Forbidden):
            scope["reports"]()
        logout_user()
        login_user(factories.make_user(role="Administrator"))
        assert scope["reports"]()
    unconfirmed = next(gate for gate in gatekeeper.in_order() if gate.name == "unconfirmed")
    assert gatekeeper.skips(guide, "guide.terms", unconfirmed)
    assert not gatekeeper.skips(guide, "guide.reports", unconfirmed)
    assert log_lines.redact("/newsletter/leave/x.y") == "/newsletter/leave/***"


def test_a_feature_writes_to_its_folder_alone() -> None:
    named = {file.relative_to(ROOT).as_posix() for file in recipes.files(FEATURE)}
    outside = sorted(name for name in named if not name.startswith(FOLDER))
    assert not outside, f"The recipe of a feature writes to {', '.join(outside)}."
