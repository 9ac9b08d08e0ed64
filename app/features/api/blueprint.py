"""The blueprint of the API, on which resources register themselves as views do on others."""

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema

from app.features.api.web import access, etags, idempotency_keys, lists, rate_limits
from app.features.api.web.strict_json import StrictParser
from app.kit.web.cookieless import without_cookies


class ApiBlueprint(Blueprint):
    """A blueprint that describes access and lists of its operations in OpenAPI."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # flask-smorest calls these with the facts that decorators noted.
        self._prepare_doc_cbks += [one.describe for one in (access, etags, idempotency_keys, lists)]

    def arguments(self, schema: type[Schema] | Schema, **options: Any) -> Any:
        """Read the arguments of an operation. A body may be left out if no field is required."""
        read = schema if isinstance(schema, Schema) else schema()
        is_needed = not read.partial and any(field.required for field in read.fields.values())
        return super().arguments(schema, **{"required": is_needed, **options})

    def add_url_rule(self, *arguments: Any, **options: Any) -> None:
        """Add the URL of an operation. Another spelling of it is not found, and not redirected."""
        super().add_url_rule(*arguments, merge_slashes=False, **options)


api: Any = without_cookies(ApiBlueprint("api", __name__, url_prefix="/api/v1"))
api.before_request(access.admit)
api.before_request(etags.refuse_other_conditions)
rate_limits.limit(api)
idempotency_keys.init_blueprint(api)
