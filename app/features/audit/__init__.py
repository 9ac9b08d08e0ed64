"""Search, filter and export the audit trail."""

from app.features.audit.services.exporting import export
from app.features.audit.services.filters import EventFilters
from app.features.audit.services.finding import about_user, activity, find, newest, same_request
from app.features.audit.services.words import kind, own_what, own_who, what

__all__ = [
    "EventFilters",
    "about_user",
    "activity",
    "export",
    "find",
    "kind",
    "newest",
    "own_what",
    "own_who",
    "same_request",
    "what",
]
