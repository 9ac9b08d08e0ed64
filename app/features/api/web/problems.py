"""Answer every error with problem details in JSON (RFC 9457), and never with a page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from app.kit.edit_conflicts import EditConflict
from app.kit.web import errors
from app.kit.web.gates import GateClosed

BELOW = "/api/"
MEDIA_TYPE = "application/problem+json"
# Headers of an error that describe the page that it would have been.
OF_PAGES = {"content-type", "content-length", "location"}

# RFC 9110. Python has these from version 3.13 on, and programs rely on codes made of them.
PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}

DETAILS = {
    400: "The request cannot be read. A body has to be valid JSON.",
    401: "Send a token in the header Authorization: Bearer.",
    403: "The owner of the token may not do this.",
    404: "There is nothing at this URL, or the token may not see it.",
    405: "The header Allow names the methods of this URL.",
    406: "The API answers with application/json. Send this in the header Accept, or leave it out.",
    408: "The request did not arrive in time. Send it again.",
    409: "It was changed or deleted meanwhile. Read it again.",
    412: "It was changed since you read it. Read it again, and send its new ETag in If-Match.",
    413: "The body is too large.",
    415: "Send a body of application/json in UTF-8.",
    422: "Some values are not valid.",
    428: "Send the ETag of what you change in the header If-Match.",
    429: "Too many requests. Wait as long as the header Retry-After says.",
    500: "The fault is ours and has been noted. The request_id helps to find it.",
    503: "The API cannot reach something that it needs. Try again soon.",
}

FieldError = Mapping[str, str]
Caught = TypeVar("Caught", bound=Exception)


class ApiProblem(HTTPException):
    """An error with a short code that programs can rely on.

    `errors` name the values that are wrong, each with a `detail`, and a `pointer` into the body or
    a `parameter` of the URL.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.problem_code, self.errors = status, code, list(errors)
        self.headers = dict(headers or {})

    def get_headers(self, *arguments: Any, **values: Any) -> list[tuple[str, str]]:
        """Return the headers, with those of this problem."""
        return [*super().get_headers(*arguments, **values), *self.headers.items()]


def invalid(**parameters: str) -> ApiProblem:
    """Return the problem of wrong parameters of the URL, each with a sentence."""
    found = [{"parameter": name, "detail": text} for name, text in parameters.items()]
    return ApiProblem(422, slug(422), DETAILS[422], errors=found)


def invalid_field(name: str, text: str) -> ApiProblem:
    """Return the problem of a wrong value in the body, with a sentence."""
    found = [{"pointer": f"#/{name}", "detail": text}]
    return ApiProblem(422, slug(422), text, errors=found)


def answers(
    caught: type[Caught], status: int, code: str, detail: str | Callable[[Caught], str]
) -> None:
    """Answer an exception of services with a problem, in all operations of the API."""
    if isinstance(detail, str):
        _codes[code] = (status, detail)
    _caught[caught] = lambda error: ApiProblem(
        status, code, detail if isinstance(detail, str) else detail(error)
    )


def answers_with(caught: type[Caught], make: Callable[[Caught], ApiProblem]) -> None:
    """Answer an exception of services with the problem that a function returns."""
    _caught[caught] = make


_caught: dict[type[Any], Callable[[Any], ApiProblem]] = {
    EditConflict: lambda _error: ApiProblem(412, slug(412), DETAILS[412])
}


def caught() -> dict[type[Any], Callable[[Any], Response]]:
    """Return the handlers of the exceptions of services."""

    def handler(make: Callable[[Any], ApiProblem]) -> Callable[[Any], Response]:
        return lambda error: answer(make(error))

    return {exception: handler(make) for exception, make in _caught.items()}


_codes: dict[str, tuple[int, str]] = {}


def known() -> dict[str, tuple[int, str]]:
    """Return the codes of problems, with their status and a sentence, by status."""
    usual = {slug(status): (status, text) for status, text in DETAILS.items()}
    return dict(sorted((usual | _codes).items(), key=lambda pair: (pair[1][0], pair[0])))


def init_app(app: Flask, blueprint: str) -> None:
    errors.answer_below(BELOW, answer)
    # The blueprint has been registered with another application, if this is not the first.
    app.error_handler_spec[blueprint][None] |= caught()


def answer(error: HTTPException, words: tuple[str, str] | None = None) -> Response:
    """Return the answer to an error. `words` are a title and a sentence in place of the usual."""
    status = error.code or 500
    if status < 400:  # A redirect to another spelling of the URL.
        status, error = 404, HTTPException()
    title = phrase(status)
    detail = DETAILS.get(status, title)
    body: dict[str, Any] = {}
    if isinstance(error, ApiProblem):
        code, detail = error.problem_code, error.description or detail
        found = error.errors
    else:
        code = "account-not-ready" if isinstance(error, GateClosed) else slug(status)
        title, detail = words or (title, detail)
        found = list(_field_errors(getattr(error, "data", None)))
    body = {
        "type": f"{current_app.config['APP_URL']}/api/docs#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **({"errors": found} if found else {}),
        "request_id": str(g.get("request_id", "")),
    }
    response: Response = current_app.json.response(body)  # type: ignore[assignment]
    response.status_code, response.mimetype = status, MEDIA_TYPE
    response.headers.extend(
        (name, value)
        for name, value in error.get_headers(request.environ)
        if name.lower() not in OF_PAGES
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def slug(status: int) -> str:
    """Return the code of a problem that is nothing but its status, such as "not-found"."""
    return phrase(status).lower().replace(" ", "-")


def phrase(status: int) -> str:
    return PHRASES.get(status) or HTTPStatus(status).phrase


def _field_errors(data: Any) -> Iterator[dict[str, str]]:
    """Yield the errors of webargs, which come by location and name of the field."""
    messages = data.get("messages") if isinstance(data, dict) else None
    for location, found in messages.items() if isinstance(messages, dict) else ():
        for path, text in _leaves(found, ()):
            is_body = location in {"json", "json_or_form"}
            where = ("pointer", f"#{path}") if is_body else ("parameter", path.removeprefix("/"))
            yield {where[0]: where[1], "detail": text}


def _leaves(found: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(found, dict):
        for name, inner in found.items():
            # marshmallow keeps the errors of a whole object under this name.
            yield from _leaves(inner, path if name == "_schema" else (*path, str(name)))
    elif isinstance(found, list):
        for one in found:
            yield from _leaves(one, path)
    else:
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in path)
        yield "".join(f"/{part}" for part in escaped), str(found)
