"""Tokens: programs sign in and out, and list and revoke tokens, those of users too."""

from typing import Any

from flask import Response, g, request, url_for
from marshmallow import fields, validate
from werkzeug.exceptions import NotFound

from app.account import limits
from app.features.api import scopes, sign_ins, tokens, user_rows
from app.features.api.blueprint import api
from app.features.api.models import ApiToken, TokenAccess, TokenKind
from app.features.api.schemas import ApiSchema, OwnAccountSchema, Text, Timestamp
from app.features.api.sign_ins import EmailUnconfirmed, SecondStepNeeded, SignInRefused
from app.features.api.web.access import public, reads, writes
from app.features.api.web.disruption import disruptive
from app.features.api.web.lists import whole_list
from app.features.api.web.problems import ApiProblem, answers
from app.features.api.web.user_actions import acts_on_user
from app.kit.names import NAME_LENGTH
from app.kit.web.gates import open_to_every_gate, signs_in
from app.models import Permission, User
from app.services.user_access import WrongState
from app.sign_in import me

TAGS = ["Tokens"]
BASIC = 'Basic realm="api", charset="UTF-8"'
WRONG = "The email or the password is wrong."
LONGEST = 1_000  # characters of a text that is only compared

answers(tokens.TokenGone, 409, "token-gone", "The token was revoked meanwhile.")


class ScopeNames(fields.Field[int]):
    """Bits of permissions as a list of names."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> list[str]:
        return scopes.to_names(value)


class TokenSchema(ApiSchema):
    """A token, without its secret."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": [one.value for one in TokenKind]})
    access = fields.String(required=True, metadata={"enum": [one.value for one in TokenAccess]})
    scopes = ScopeNames(required=True, metadata={"type": "array", "items": {"type": "string"}})
    created_at = Timestamp(required=True)
    expires_at = Timestamp(required=True, allow_none=True)
    last_used_at = Timestamp(required=True, allow_none=True)
    last_used_address = fields.String(required=True)


class NewTokenSchema(TokenSchema):
    """A token with its secret, which is shown once."""

    token = fields.String(required=True, metadata={"description": "The secret to send."})


class StatusSchema(ApiSchema):
    """The owner of the token of the request, and the token."""

    user = fields.Nested(OwnAccountSchema, required=True)
    token = fields.Nested(TokenSchema, required=True)


class SignInSchema(ApiSchema):
    """The email and the password of a user, unless they come with Basic authentication."""

    email = fields.String(validate=validate.Length(max=LONGEST))
    password = fields.String(validate=validate.Length(max=LONGEST))
    code = fields.String(
        load_default="",
        validate=validate.Length(max=64),
        metadata={"description": "A code of the second step, if the user has one."},
    )
    name = Text(most=NAME_LENGTH, load_default="Sign-in")
    access = fields.Enum(TokenAccess, by_value=True, load_default=TokenAccess.WRITE)


@api.post("/tokens", tags=TAGS)
@public
@signs_in
@limits.sign_in_by_site
@api.arguments(SignInSchema)
@api.response(201, NewTokenSchema)
@api.alt_response(401, "UNAUTHORIZED")
@api.alt_response(403, "FORBIDDEN")
def sign_in(values: dict[str, Any]) -> Any:
    """Sign in with a password, and get a token for a while."""
    email, password = _credentials(values)
    try:
        made = sign_ins.sign_in(
            email, password, code=values["code"], name=values["name"], access=values["access"]
        )
    except SignInRefused:
        raise _refused("wrong-credentials", WRONG) from None
    except EmailUnconfirmed:
        raise ApiProblem(
            403, "account-not-ready", "Open the link in the email that was sent to you."
        ) from None
    except SecondStepNeeded as error:
        raise _second_step(error) from None
    token = _as_dict(made.token) | {"token": made.secret}
    location = url_for("api.revoke_token", api_token_id=made.token.id)
    return token, {"Location": location, "Cache-Control": "no-store"}


def _credentials(values: dict[str, Any]) -> tuple[str, str]:
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        given = basic.username or "", basic.password or ""
        if any(len(text) > LONGEST or "\0" in text for text in given):
            raise _refused("wrong-credentials", WRONG)
        return given
    if values.get("email") is None or values.get("password") is None:
        raise _refused("unauthorized", "Send email and password in the body, or by Basic.")
    return values["email"], values["password"]


def _refused(code: str, detail: str) -> ApiProblem:
    return ApiProblem(401, code, detail, headers={"WWW-Authenticate": BASIC})


def _second_step(error: SecondStepNeeded) -> ApiProblem:
    """Return the problem of a code that is missing or wrong, with the methods that give one."""
    if not error.methods:
        detail = "The second step of this user takes a browser. Make a token on the page."
        return _refused("second-factor-in-browser", detail)
    detail = "The code is wrong, or it has been used." if error.is_wrong else "Send a code too."
    problem = _refused("second-factor-required", detail)
    problem.errors = [{"pointer": "#/code", "detail": label} for label in error.methods]
    return problem


def _as_dict(token: ApiToken) -> dict[str, Any]:
    return {column.key: getattr(token, column.key) for column in ApiToken.__table__.columns}


@api.get("/status", tags=TAGS)
@reads()
@api.response(200, StatusSchema)
def get_status() -> dict[str, Any]:
    """Tell whose token this is, and what it may do."""
    return {"user": me(), "token": g.api_token}


@api.get("/tokens", tags=TAGS)
@reads()
@whole_list(TokenSchema)
def list_tokens() -> list[ApiToken]:
    """List your own live tokens, the personal ones first, each kind newest first.

    A token lists itself, and those that may do no more than it.
    """
    return _live_of(me())


@api.delete("/tokens/current", tags=TAGS)
@reads()
@open_to_every_gate
@disruptive
@api.response(204)
def revoke_current_token() -> None:
    """Sign out: revoke the token of this request, also one that may do nothing else."""
    tokens.revoke_in_use(g.api_token)


@api.delete("/tokens/<int:api_token_id>", tags=TAGS)
@writes()
@api.response(204)
def revoke_token(api_token_id: int) -> None:
    """Revoke one of your own tokens, if it may do no more than the token of the request."""
    token = tokens.find_own(api_token_id, me())
    if token is None or not _is_in_reach(token):
        raise NotFound
    tokens.revoke(token, by=me())


def _live_of(user: User) -> list[ApiToken]:
    """Return the live tokens of a user, and of the owner those in reach."""
    return [one for one in tokens.live_of(user) if user is not me() or _is_in_reach(one)]


def _is_in_reach(token: ApiToken) -> bool:
    """Tell whether the token of the request may see and revoke another of its owner."""
    return tokens.is_within(token, g.api_token)


# Tokens of users, for administrators


@api.get("/users/<int:user_id>/tokens", tags=["Users"])
@reads(Permission.MANAGE_USERS)
@whole_list(TokenSchema)
def list_user_tokens(user_id: int) -> list[ApiToken]:
    """List the live tokens of a user, the personal ones first, each kind newest first.

    A token lists only those of its owner's tokens that may do no more than it.
    """
    return _live_of(user_rows.get(user_id))


@api.delete("/users/<int:user_id>/tokens/<int:user_api_token_id>", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.revoke_user_api_tokens")
def revoke_user_token(user: User, user_api_token_id: int) -> Response:
    """Revoke a token of a user."""
    token = tokens.find_own(user_api_token_id, user)
    if token is None:
        raise NotFound
    tokens.revoke(token, by=me())
    return Response(status=204)


@api.post("/users/<int:user_id>/revoke-tokens", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.revoke_user_api_tokens")
def revoke_user_tokens(user: User) -> Response:
    """Revoke all tokens of a user."""
    try:
        tokens.revoke_all(user, by=me())
    except tokens.TokenGone:
        raise WrongState from None
    return Response(status=204)
