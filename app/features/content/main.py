"""The public pages with text that administrators can edit."""

from flask import Flask, render_template
from flask.typing import ResponseReturnValue

from app.features.content import pages
from app.features.content.models import EditableHTML
from app.main import main


def init_app(app: Flask) -> None:
    # Stored HTML may have been sanitised under older rules, so templates sanitise it again.
    app.jinja_env.filters["sanitised"] = pages.sanitise


@main.get("/about")
def about() -> ResponseReturnValue:
    return render_template(
        "main/about.html", editable_html_obj=EditableHTML.get_editable_html("about")
    )
