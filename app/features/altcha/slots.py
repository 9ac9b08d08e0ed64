"""Plug the puzzle into the forms of visitors."""

from flask import current_app, render_template
from markupsafe import Markup

from app.features.altcha import proofs
from app.kit.web.forms.bots import Challenge, add_challenge


def render(name: str) -> Markup:
    if not current_app.config["ALTCHA"]:
        return Markup()
    page = render_template("partials/_altcha.html", name=name, puzzle=proofs.make())
    return Markup(page)  # noqa: S704 - a template escapes its values


add_challenge(Challenge(render, proofs.find_problem))
