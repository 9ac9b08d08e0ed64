"""Plug the maintenance into every page, and into the worker."""

from app.features.maintenance import watching
from app.features.maintenance.models import SiteMode
from app.kit import slots
from app.kit.queue.holding import holds_jobs

slots.banner("partials/_maintenance.html")


@holds_jobs
def is_under_maintenance() -> bool:
    """Tell whether workers start no job: while the site is closed or read-only, or may be."""
    state = watching.of_app().current_of_worker()
    return state is None or state.mode is not SiteMode.OFF
