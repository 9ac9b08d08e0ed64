"""Report unexpected errors to Sentry or Raygun, if a key is set.

Reports go to a third party, so they contain neither form input nor the values of variables.
Secrets in the remaining texts, such as messages of exceptions, are redacted.
"""

from typing import Any

from flask import Flask, g

from app.kit.redact import redacted_text
from app.kit.web.logs.log_lines import redact

# The request headers to include in a report. Others may hold tokens, cookies and IP addresses.
HEADERS = {"accept", "content-length", "content-type", "host", "user-agent"}


def init_app(app: Flask) -> None:
    if app.config["SENTRY_DSN"]:
        _start_sentry(app)
    if app.config["RAYGUN_APIKEY"]:
        _start_raygun(app)


def _start_sentry(app: Flask) -> None:
    import sentry_sdk  # imported here because it takes 0.1 s and most apps do not use it

    sentry_sdk.init(
        dsn=app.config["SENTRY_DSN"],
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_for_sentry,
        before_breadcrumb=lambda breadcrumb, _hint: _without_secrets(breadcrumb),
    )


def _start_raygun(app: Flask) -> None:
    from raygun4py.middleware.flask import Provider  # slow as well, it also imports `requests`

    settings = {
        "transmit_global_variables": False,
        "transmit_local_variables": False,
        "transmit_environment_variables": False,
        "before_send_callback": _for_raygun,
    }
    provider: Any = Provider
    provider(app, app.config["RAYGUN_APIKEY"], settings).attach()


def _for_sentry(event: Any, _hint: Any) -> Any:
    if g and "request_id" in g:
        event.setdefault("tags", {})["request_id"] = g.request_id
    request = event.get("request", {})
    headers = request.get("headers", {})
    request["headers"] = {key: headers[key] for key in headers if key.lower() in HEADERS}
    request.pop("cookies", None)
    if query := request.get("query_string"):  # The path says whether the query is a secret.
        url = redact(f"{request.get('url', '')}?{query}")
        request["query_string"] = url.partition("?")[2]
    return _without_secrets(event)


def _for_raygun(details: dict[str, Any]) -> dict[str, Any]:
    error = details["error"]
    while error is not None:  # the error and its causes
        inner = error.__dict__.pop("innerError", None)
        error.__dict__.update(_without_secrets(vars(error)), innerError=inner)
        error = inner
    return details


def _without_secrets(report: Any) -> Any:
    """Return `report` with the secrets in all nested strings redacted."""
    if isinstance(report, dict):
        return {key: _without_secrets(value) for key, value in report.items()}
    if isinstance(report, list | tuple):
        return [_without_secrets(value) for value in report]
    return redacted_text(redact(report)) if isinstance(report, str) else report
