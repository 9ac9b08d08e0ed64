"""The schema of problem details, which describes them in OpenAPI."""

from marshmallow import Schema, fields


class FieldErrorSchema(Schema):
    """A value that is wrong."""

    detail = fields.String(required=True)
    pointer = fields.String(metadata={"description": "Where it stands in the body (RFC 6901)."})
    parameter = fields.String(metadata={"description": "Its name in the URL."})


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = fields.Url(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Names the kind of problem."})
    errors = fields.List(fields.Nested(FieldErrorSchema))
    request_id = fields.String(required=True)
