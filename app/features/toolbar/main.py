"""Record each request in development, and show the records."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    got_request_exception,
    render_template,
    request,
    request_finished,
    request_started,
)
from flask.typing import ResponseReturnValue

from app.features.devtools import dev, is_allowed
from app.features.toolbar import recording
from app.features.toolbar.recording import Recorder, RequestRecord
from app.kit.database import queries
from app.kit.redact import redacted, redacted_text
from app.kit.web.logs.log_lines import redact

LONGEST_PATH = 300
UNRECORDED = {"static"}  # and the development pages, which ask for themselves every second
BODY_END = "</body>"
STYLES = " data-styles>"  # in the head of a page of the app, but not in a mail that is shown

_log = logging.getLogger("app.features.toolbar")


def is_on(app: Flask) -> bool:
    """Tell whether requests are recorded: in debug mode, and never in production."""
    return app.debug and is_allowed(app)


def init_app(app: Flask) -> None:
    """Record the requests, if the app is in development."""
    app.extensions["toolbar"] = Recorder()
    if not is_on(app):
        return
    request_started.connect(_begin, app)
    request_finished.connect(_finish, app)
    got_request_exception.connect(_fail, app)
    app.after_request(_add_toolbar)
    app.teardown_request(_warn)
    _record_templates(app)
    recording.listen()
    queries.watch_all(app, recording.note_query)


@dev.get("/requests")
def requests() -> ResponseReturnValue:
    return render_template("dev/requests.html", records=_recorder().newest(), **_state())


@dev.get("/requests/<request_id>")
def request_details(request_id: str) -> ResponseReturnValue:
    record = _recorder().find(request_id) or abort(404)
    return render_template("dev/request_details.html", record=record, plain=queries.plain)


def _state() -> dict[str, Any]:
    return {"is_on": is_on(current_app), "most": recording.KEPT_REQUESTS}


def _recorder() -> Recorder:
    found: Recorder = current_app.extensions["toolbar"]
    return found


def _record_templates(app: Flask) -> None:
    """Note each template that Jinja is asked for, also by another template."""
    get_template = app.jinja_env.get_template

    def noting(name: Any, parent: str | None = None, globals: Any = None) -> Any:  # noqa: A002
        recording.note_template(getattr(name, "name", name), parent)  # a Template, or its name
        return get_template(name, parent, globals)

    app.jinja_env.get_template = noting  # type: ignore[method-assign]


def _begin(_app: Flask) -> None:
    endpoint = request.endpoint or ""
    is_recorded = endpoint not in UNRECORDED and request.blueprint != dev.name
    record = RequestRecord(
        method=request.method,
        path=_shown_path(),
        route=request.url_rule.rule if request.url_rule else "",
        endpoint=endpoint,
        threshold=current_app.config["N_PLUS_ONE_QUERIES"],
    )
    _recorder().begin(record if is_recorded and is_on(current_app) else None)


def _shown_path() -> str:
    """Return path and query of the request, without tokens and the values of secrets."""
    given = "&".join(
        f"{name}={redacted(value, name=name)}" for name, value in request.args.items(multi=True)
    )
    text = redact(redacted_text(f"{request.path}?{given}" if given else request.path))
    return text if len(text) <= LONGEST_PATH else f"{text[:LONGEST_PATH]}…"


def _add_toolbar(response: Response) -> Response:
    """Put the toolbar at the foot of a page."""
    if (record := recording.current()) is None:
        return response
    record.request_id = g.get("request_id", "")
    record.finish(status=response.status_code)
    if not current_app.config["DEBUG_TOOLBAR"] or not _may_hold_toolbar(response):
        return response
    page, end, rest = response.get_data(as_text=True).rpartition(BODY_END)
    if end and STYLES in page:
        response.set_data(page + _toolbar(record) + end + rest)
    return response


def _may_hold_toolbar(response: Response) -> bool:
    is_whole = not response.is_streamed and not response.direct_passthrough
    return is_whole and response.mimetype == "text/html" and not response.get_etag()[0]


def _toolbar(record: RequestRecord) -> str:
    with recording.paused():
        # render_template would call context processors, which load the user.
        template = current_app.jinja_env.get_template("partials/_debug_bar.html")
        return template.render(record=record, plain=queries.plain)


def _finish(_app: Flask, response: Response) -> None:
    if record := recording.current():
        record.finish(status=response.status_code)


def _fail(_app: Flask, exception: BaseException) -> None:
    if record := recording.current():
        record.request_id = g.get("request_id", "")
        record.finish(error=type(exception).__name__)


def _warn(_error: BaseException | None) -> None:
    """Log queries that the request made again and again."""
    record = recording.current()
    for one in record.repeated() if record else ():
        fields: Mapping[str, Any] = {"times": one.times, "ms": round(one.ms, 1), "site": one.site}
        _log.warning(
            "N+1: a query ran %d times in %d ms: %s (%s)",
            one.times,
            one.ms,
            one.statement,
            one.site,
            extra={"fields": fields},
        )
