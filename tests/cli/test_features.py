"""`manage.py features`."""

import pytest

from settings import example


@pytest.mark.parametrize("arguments", [["features"], ["features", "list"]])
def test_the_features_are_listed(app, arguments):
    shown = app.test_cli_runner().invoke(args=arguments).output
    for name, feature in app.config["FEATURES"].items():
        (line,) = [line for line in shown.splitlines() if line.split()[0] == name]
        assert line.split()[1] == "on"
        assert feature.title in line


def test_the_example_is_written_anew(app, tmp_path, monkeypatch):
    path = tmp_path / ".env.example"
    path.write_text("# APP_NAME=\n")
    monkeypatch.setattr(example, "PATH", path)
    assert app.test_cli_runner().invoke(args=["features", "env"]).exit_code == 0
    assert path.read_text() == example.written("# APP_NAME=\n", app.config["FEATURES"])


def test_removable_features_are_listed_by_name(app):
    shown = app.test_cli_runner().invoke(args=["features", "list", "--removable"]).output
    features = app.config["FEATURES"]
    required = {name for feature in features.values() for name in feature.requires}
    assert shown.split() == sorted(set(features) - required)
