"""Reports of unexpected errors to Sentry or Raygun, where a key for one is set.

They leave the house, so they hold neither what people typed nor the values of variables, and the
tokens of mailed links are masked.
"""

from typing import Any

from flask import Flask

from app.request_log import mask


def init_app(app: Flask) -> None:
    if app.config["SENTRY_DSN"]:
        _start_sentry(app)
    if app.config["RAYGUN_APIKEY"]:
        _start_raygun(app)


def _start_sentry(app: Flask) -> None:
    import sentry_sdk  # most apps never need it, and it takes a tenth of a second

    sentry_sdk.init(
        dsn=app.config["SENTRY_DSN"],
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_without_tokens,
        before_breadcrumb=_without_tokens,
    )


def _start_raygun(app: Flask) -> None:
    from raygun4py.middleware.flask import Provider  # as above, with `requests` on top

    settings = {
        "transmit_global_variables": False,
        "transmit_local_variables": False,
        "transmit_environment_variables": False,
    }
    provider: Any = Provider
    provider(app, app.config["RAYGUN_APIKEY"], settings).attach()


def _without_tokens(report: Any, _hint: Any) -> Any:
    """Return `report` with the texts in it masked, however deep they lie."""
    if isinstance(report, dict):
        return {key: _without_tokens(value, _hint) for key, value in report.items()}
    if isinstance(report, list):
        return [_without_tokens(value, _hint) for value in report]
    return mask(report) if isinstance(report, str) else report
