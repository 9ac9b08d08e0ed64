"""The route of pictures, and the public page of a member."""

from flask import Flask, Response, abort, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.features.profile.services import pictures, profiles
from app.kit.web import headers
from app.kit.web.gates import explains_gate, open_to
from app.kit.web.stored_files import respond
from app.main import main


def init_app(app: Flask) -> None:
    if app.config["GRAVATAR"]:
        headers.allow_source(app, "img-src", pictures.ORIGIN)


@main.get("/pictures/<picture>/<int:size>.webp")
@open_to("unconfirmed", "must_change_password")
@explains_gate
def picture(picture: str, size: int) -> Response:
    """Send a picture. Its URL changes with it, so browsers keep it for good."""
    file = pictures.readable(picture, size, reader=current_user)
    return respond(file, str(size), inline=True, forever=True) if file else abort(404)


@main.get("/members/<int:member_id>")
@open_to("unconfirmed", "must_change_password", "impersonating")
def member(member_id: int) -> ResponseReturnValue:
    """Show the page of a member who has chosen to have one."""
    profile = profiles.member(member_id)
    return render_template("main/member.html", profile=profile) if profile else abort(404)
