"""Hold visitors back during maintenance."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable

from app.features.maintenance import site_mode, watching
from app.features.maintenance.models import SiteMode, SiteState
from app.kit.database import now
from app.kit.web import errors
from app.kit.web.accept import wants_json
from app.kit.web.cookieless import is_cookieless
from app.kit.web.gates import gate, signs_in
from app.kit.web.methods import SAFE_METHODS
from app.sign_in import me

TITLES = {
    SiteMode.CLOSED: "We will be back soon",
    SiteMode.READ_ONLY: "Nothing can be changed just now",
}
SENTENCES = {
    SiteMode.CLOSED: "The site is closed for maintenance.",
    SiteMode.READ_ONLY: "The site is read-only for maintenance, so this was not saved. Go back and "
    "try again later.",
}


class UnderMaintenance(Exception):
    """The site is closed, or the request would change something while the site is read-only."""

    def __init__(self, state: SiteState) -> None:
        self.state = state
        self.title, self.message = TITLES[state.mode], SENTENCES[state.mode]
        super().__init__(" ".join(filter(None, (self.message, state.message))))


def init_app(app: Flask) -> None:
    watching.init_app(app)
    app.register_error_handler(UnderMaintenance, show)
    app.jinja_env.globals["maintenance_notice"] = notice


@gate("maintenance", order=0, spares=[signs_in])
def hold_back() -> ResponseReturnValue | None:
    """Raise UnderMaintenance unless the mode of the site lets the request pass.

    While the process does not know the mode, because the database has not answered yet, it is 503.
    Users can sign in and out, and administrators end the maintenance. A token lets no program in,
    not even that of an administrator, because it may work on what is being moved.
    """
    state = watching.of_app().current()
    if state is None:
        raise ServiceUnavailable(retry_after=errors.RETRY_AFTER)
    if state.mode is SiteMode.OFF:
        return None
    if state.mode is SiteMode.READ_ONLY:
        if request.method in SAFE_METHODS:
            return None
    elif not is_cookieless() and site_mode.may_enter(me()):
        return None
    raise UnderMaintenance(state)


def notice() -> SiteState | None:
    """Return the mode of the site for the banner, except on the page that tells it anyway."""
    state = watching.of_app().current()
    is_open = state is None or state.mode is SiteMode.OFF
    return None if is_open or g.get("tells_maintenance") else state


def show(error: UnderMaintenance) -> Any:
    """Answer with a page of the site, or with JSON."""
    wait = site_mode.retry_after(error.state)
    if wants_json():
        return errors.show(ServiceUnavailable(retry_after=wait), (error.title, str(error)))
    g.tells_maintenance = True
    state = error.state
    is_closed, is_early = state.mode is SiteMode.CLOSED, state.until and state.until > now()
    page = errors.render(
        "errors/maintenance.html",
        title=error.title,
        message=error.message,
        said=state.message,
        until=state.until if is_early else None,
        is_closed=is_closed,
        links=[] if is_closed else [*errors.way_back(), errors.HOME],
    )
    headers = {"Retry-After": wait, "Cache-Control": "no-store"}
    return page, 503, headers
