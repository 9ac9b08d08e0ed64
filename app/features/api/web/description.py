"""Describe the API in OpenAPI 3.1, from the code of its operations."""

from http import HTTPStatus
from threading import Lock
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from flask import Flask
from flask_smorest import Api

from app.features.api.reference import with_examples
from app.features.api.web import problems
from app.features.api.web.facts import TEXT
from app.features.api.web.problem_schema import ProblemSchema

VERSION = "1"
OPENAPI = "3.1.0"
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token from the page API tokens, or from POST /api/v1/tokens. An operation "
    "names the permission that the token needs, and whether it has to write.",
}
# Headers of problems, by status. Each other answer has the headers of limits as well.
LIMITS = ("RateLimit", "RateLimit-Policy")
HEADERS = {401: ["WWW-Authenticate"], 429: ["Retry-After", *LIMITS], 503: ["Retry-After"]}

_describing = Lock()


class DescribedApi(Api):
    """The API of flask-smorest, whose errors are the problems of this app and of /api/ alone.

    It is described when the description is first read, because that takes longer than all else in
    the start of an application.
    """

    def register_blueprint(self, blp: Any, **options: Any) -> None:
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._blueprint = blp

    def describe(self) -> dict[str, Any]:
        """Return the description. Call it once, as it adds the operations to `spec`."""
        if not self.spec.components.security_schemes:  # or an operation was wrong the last time
            self.spec.components.security_scheme("token", TOKEN)
            self._describe_responses()
        blp = self._blueprint
        blp.register_views_in_doc(self, self._app, self.spec, name=blp.name, parameters=None)
        self.spec.tag({"name": blp.name, "description": blp.description})
        described: dict[str, Any] = self.spec.to_dict()
        return described

    def _register_error_handlers(self) -> None:
        """Register none, because those of flask-smorest would answer the errors of pages too."""

    def _register_responses(self) -> None:
        """Register none yet, because `describe` does."""

    def _describe_responses(self) -> None:
        for status in HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= HTTPStatus.BAD_REQUEST:
                response["content"] = {problems.MEDIA_TYPE: {"schema": ProblemSchema}}
            if status in HEADERS:
                response["headers"] = {one: {"schema": TEXT} for one in HEADERS[status]}
            self.spec.components.response(status.name, response, lazy=True)
        error = {
            "description": "Another problem",
            "content": {problems.MEDIA_TYPE: {"schema": ProblemSchema}},
        }
        self.spec.components.response("DEFAULT_ERROR", error, lazy=True)

    def _register_pagination_header(self) -> None:
        """Register none, because lists have links."""


def init_app(app: Flask, blueprint: Any) -> None:
    """Register the operations."""
    spec = {
        "title": app.config["APP_NAME"],
        "version": VERSION,
        "openapi_version": OPENAPI,
        "servers": [{"url": app.config["APP_URL"]}],
        "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_name_of),
    }
    described = DescribedApi(app, spec_kwargs=spec)
    app.cli.commands.pop("openapi", None)  # the address of the description is enough
    described.register_blueprint(blueprint)


def _name_of(schema: Any) -> str:
    """Return the name of a schema. One for changes, whose fields may be missing, has its own."""
    name = str(resolver(schema))
    return f"{name}Change" if getattr(schema, "partial", None) else name


def of(app: Flask) -> dict[str, Any]:
    """Return the description of the API of an application."""
    extension = app.extensions["flask-smorest"]
    with _describing:
        if "description" not in extension:
            extension["description"] = with_examples(extension["apis"][""]["ext_obj"].describe())
    description: dict[str, Any] = extension["description"]
    return description
