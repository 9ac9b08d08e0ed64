"""Tests that need a removed feature are deselected instead of failing."""

import pytest

from tests import missing_features

TEXT = "from app.features.orders import models\nfrom app.features.audit.services import finding\n"


@pytest.mark.parametrize(
    ("text", "missing"), [(TEXT, {"orders"}), ("import app\n", set()), ("", set())]
)
def test_features_that_are_not_there_are_named(tmp_path, monkeypatch, text, missing):
    monkeypatch.setattr(missing_features, "_on", lambda: {"audit"})
    path = tmp_path / "test_orders.py"
    path.write_text(text)
    assert missing_features.missing_features(path) == missing


def test_nothing_is_left_out_while_all_features_are_on(tmp_path):
    path = tmp_path / "test_audit.py"
    path.write_text(
        "".join(f"import app.features.{name}.models\n" for name in missing_features._on())
    )
    assert missing_features.missing_features(path) == set()
