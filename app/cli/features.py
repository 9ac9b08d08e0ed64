"""The features: which there are, and what `.env.example` says of their settings."""

import click
from flask import current_app
from flask.cli import with_appcontext

from settings import example


@click.group("features")
def features() -> None:
    """List the features, and write their settings to .env.example."""


@features.command("list")
@with_appcontext
def list_features() -> None:
    """List the features, whether they are on, and what they require."""
    for name, feature in current_app.config["FEATURES"].items():
        state = "off" if feature.off else "on"
        needs = f" (requires {', '.join(feature.requires)})" if feature.requires else ""
        click.echo(f"{name:<16} {state:<4} {feature.title}{needs}")


@features.command("env")
@with_appcontext
def write_env() -> None:
    """Write the settings of features to .env.example."""
    text = example.PATH.read_text(encoding="utf-8")
    example.PATH.write_text(example.written(text, current_app.config["FEATURES"]), encoding="utf-8")


commands = [features]
