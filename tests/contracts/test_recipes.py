"""The recipes of the guides work as printed. Most are followed in tests/cli/test_new.py."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, session
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
        "url_for": lambda endpoint: f"/{endpoint}",
        "render_template": lambda name, **values: name,
    }
    for words in ("administrators alone", "A new view is behind", "Declare the"):
        exec(recipe(CUSTOMISING, words, "python"), scope)  # noqa: S102
    guide = create_app("testing")
    guide.register_blueprint(main)
    own_gate = recipe(CUSTOMISING, "where its state is kept", "python")
    exec(own_gate, scope)  # noqa: S102
    gatekeeper.check_gates(guide)
    assert "terms_not_accepted" in [gate.name for gate in gatekeeper.in_order()]
    with app.test_request_context():
        login_user(factories.make_user())
        assert scope["lead_to_terms"]().location == "/main.terms"
        session["terms_accepted"] = True
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
