"""The public pages whose text administrators edit."""

from flask import Flask, render_template
from flask.typing import ResponseReturnValue

from app.features.content import pages
from app.features.content.models import EditableHTML
from app.main import main


def init_app(app: Flask) -> None:
    # What is stored may have been sanitised under an older rule.
    app.jinja_env.filters["sanitised"] = pages.sanitise


@main.get("/about")
def about() -> ResponseReturnValue:
    return render_template(
        "main/about.html", editable_html_obj=EditableHTML.get_editable_html("about")
    )
