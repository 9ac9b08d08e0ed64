"""Say which token an operation needs, and check it before the operation.

Cookies do not count. The user of the request is the owner of the token, held to its scopes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import Forbidden, NotAcceptable, UnsupportedMediaType

from app.features.api import scopes, tokens
from app.features.api.models import ApiToken
from app.features.api.web.facts import TEXT, note
from app.features.api.web.problems import ApiProblem
from app.features.api.web.strict_json import refuse_unread
from app.kit.web.gatekeeper import ask_gates
from app.kit.web.gates import GateClosed, marks_of, open_to_every_gate
from app.kit.web.methods import SAFE_METHODS
from app.kit.web.sign_in import second_steps
from config import ConfigurationError

View = TypeVar("View", bound=Callable[..., Any])
CHALLENGE = 'Bearer realm="api"'
SECOND_FACTOR = (
    "The role of the owner requires a second factor. Make a token after a sign-in with one."
)
UNPACKED = "Send the body without a Content-Encoding."
JSON = ("application/json", "application/problem+json")


@dataclass(frozen=True)
class OperationAccess:
    """The access to an operation: a permission, or 0 for every token, and whether it writes.

    With `any_of`, one of several permissions is enough.
    """

    permission: int = 0
    writes: bool = False
    is_public: bool = False
    any_of: bool = False
    takes: tuple[str, ...] = ("application/json",)
    gives: tuple[str, ...] = JSON

    @property
    def scopes(self) -> list[list[str]]:
        """The names of the permission and of the access that a token needs, for each choice."""
        names, verb = scopes.to_names(self.permission), "write" if self.writes else "read"
        return [[name, verb] for name in names] if self.any_of else [[*names, verb]]

    def is_held(self, token: ApiToken) -> bool:
        """Tell whether a token may call the operation."""
        can = token.user.can_any if self.any_of else token.user.can
        return (token.may_write or not self.writes) and self._is_within(can)

    def _is_within(self, can: Callable[[int], bool]) -> bool:
        return not self.permission or can(self.permission)


def reads(permission: int = 0, *, gives: tuple[str, ...] = JSON) -> Callable[[View], View]:
    """Open an operation to tokens with a permission, or to every token.

    `gives` are the media types of its answer, and none if that is a file of any type.
    """
    return _marked(OperationAccess(permission, gives=gives))


def reads_any(permissions: int) -> Callable[[View], View]:
    """Open an operation to tokens with one of several permissions."""
    return _marked(OperationAccess(permissions, any_of=True))


def writes(permission: int = 0, *, takes: tuple[str, ...] = JSON[:1]) -> Callable[[View], View]:
    """Open an operation to tokens that may write and have a permission, if it names one.

    `takes` are the media types of its body.
    """
    return _marked(OperationAccess(permission, writes=True, takes=takes))


def public(view: View) -> View:
    """Open an operation to everyone, without a token."""
    return _marked(OperationAccess(is_public=True))(view)


def _marked(access: OperationAccess) -> Callable[[View], View]:
    def mark(view: View) -> View:
        marked: Any = view
        marked.api_access = access
        marked.allows = lambda _user: _is_held(access)
        return note(view, access=access)

    return mark


def access_of(view: Any) -> OperationAccess | None:
    """Return the access that a view declares, or None."""
    found: OperationAccess | None = getattr(view, "api_access", None)
    return found


def check(app: Flask) -> None:
    """Raise ConfigurationError if an operation of the API does not say who may use it."""
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith("api.") and access_of(view) is None:
            raise ConfigurationError(
                f"The operation {endpoint} does not say who may use it. Put @reads, @writes or "
                "@public below its route (app/features/api/adding_resources.md)."
            )


def admit() -> Response | None:
    """Sign the owner of the token in for this request, or raise a problem.

    OPTIONS needs no token, and is answered here, because the answer of Flask is a page.
    """
    view = current_app.view_functions[request.endpoint or ""]
    access = access_of(view)
    if request.method == "OPTIONS":
        return _methods()
    _ensure_media_types(access or OperationAccess())
    if access is None or access.is_public:
        return None
    token = _token()
    # Flask-Login keeps the user of the request here.
    g._login_user, g.api_token = token.user, token
    if ask_gates() is not None:
        raise Forbidden
    if not token.has_second_factor and _demands_second_factor(view, token):
        raise GateClosed("Sign in with a second factor first", SECOND_FACTOR)
    if not access.is_held(token):
        raise _insufficient(access)
    if access.takes == JSON[:1]:
        refuse_unread(view)
    return None


def _demands_second_factor(view: Any, token: ApiToken) -> bool:
    return open_to_every_gate not in marks_of(view) and second_steps.is_demanded(token.user)


def _methods() -> Response:
    """Return an answer to OPTIONS, with the methods of the URL in Allow."""
    answer: Response = current_app.make_default_options_response()
    answer.status_code = HTTPStatus.NO_CONTENT
    del answer.headers["Content-Type"]
    return answer


def _is_held(access: OperationAccess) -> bool:
    """Tell whether the token of the request may call an operation, before its body is read.

    Operations that take files read large bodies for no one else (app.kit.web.bodies).
    """
    token = tokens.look_up(secret_of_request())
    if token is None:
        return access.is_public
    token.user.scopes = token.scopes
    return access.is_held(token)


def secret_of_request() -> str:
    """Return the token of the request, or ""."""
    header = request.authorization
    return header.token or "" if header is not None and header.type == "bearer" else ""


def _token() -> ApiToken:
    header = request.authorization
    is_bearer = header is not None and header.type == "bearer"
    token = tokens.find(secret_of_request())
    if token is None:
        challenge = f'{CHALLENGE}, error="invalid_token"' if is_bearer else CHALLENGE
        detail = (
            "The token is unknown, expired or revoked, or its owner may not sign in."
            if is_bearer
            else "Send a token in the header Authorization: Bearer."
        )
        raise ApiProblem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
    return token


def _insufficient(access: OperationAccess) -> ApiProblem:
    scope = " ".join(access.scopes[0])  # RFC 6750, section 3.1
    return ApiProblem(
        403,
        "insufficient-scope",
        f"This needs a token with {' or '.join(map(' and '.join, access.scopes))}, and an owner "
        "with this permission.",
        headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def _ensure_media_types(access: OperationAccess) -> None:
    """Raise 406 unless the program accepts the answer, and 415 for a body of another type.

    JSON is in UTF-8. The encoding of a file is found out later.
    """
    # Many programs add a charset, and others a version, which Werkzeug would compare.
    ranges = [(one.partition(";")[0].strip(), quality) for one, quality in request.accept_mimetypes]
    accepted = MIMEAccept([one for one in ranges if one[0]])
    if accepted and access.gives and not any(map(accepted.quality, access.gives)):
        raise NotAcceptable
    if request.method in SAFE_METHODS or not request.content_length:
        return
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # No body is unpacked here, so none can grow.
        raise ApiProblem(
            415, "unsupported-media-type", UNPACKED, headers={"Accept-Encoding": "identity"}
        )
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    is_json = request.mimetype == JSON[0]
    if request.mimetype not in access.takes or (is_json and charset not in {"utf-8", "utf8"}):
        raise UnsupportedMediaType


def describe(doc: dict[str, Any], info: dict[str, Any], **_values: Any) -> dict[str, Any]:
    """Describe the access to an operation, and the problems that every operation may have."""
    access: OperationAccess = info.get("access", OperationAccess())
    doc["security"] = [] if access.is_public else [{"token": one} for one in access.scopes]
    statuses = ["NOT_ACCEPTABLE", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE"]
    if not access.is_public:
        statuses += ["UNAUTHORIZED", "FORBIDDEN"]
    if access.writes:
        statuses += ["CONFLICT", "UNSUPPORTED_MEDIA_TYPE"]
    responses = doc.setdefault("responses", {})
    for name in statuses:
        responses.setdefault(_status(name), name)
    for status in {201, 202} & responses.keys():
        responses[status].setdefault("headers", {}).setdefault("Location", {"schema": TEXT})
    responses.setdefault("default", "DEFAULT_ERROR")
    return doc


def _status(name: str) -> int:
    return int(HTTPStatus[name])
