"""The route of pictures."""

from flask import Flask, Response, abort
from flask_login import current_user

from app.features.profile.services import pictures
from app.kit.web import headers
from app.kit.web.gates import open_to
from app.kit.web.stored_files import respond
from app.main import main


def init_app(app: Flask) -> None:
    if app.config["GRAVATAR"]:
        headers.allow_source(app, "img-src", pictures.ORIGIN)


@main.get("/pictures/<picture>/<int:size>.webp")
@open_to("unconfirmed", "must_change_password", "impersonating")
def picture(picture: str, size: int) -> Response:
    """Send a picture to a user. Its URL changes with it, so browsers keep it for good."""
    file = pictures.readable(picture, size) if current_user.is_authenticated else None
    return respond(file, str(size), inline=True, forever=True) if file else abort(404)
