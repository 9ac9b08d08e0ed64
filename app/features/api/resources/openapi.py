"""The description of the API."""

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue

from app.features.api.blueprint import api
from app.features.api.web import description
from app.features.api.web.access import public


@api.get("/openapi.json", tags=["Description"])
@public
@api.response(200)
def openapi() -> ResponseReturnValue:
    """Get this description, in OpenAPI 3.1."""
    return jsonify(description.of(current_app))
