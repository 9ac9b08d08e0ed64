"""The audit trail: who did what, as whom, on what, from where and when."""

from app.services.audit.actions import ACTIONS, NOUNS
from app.services.audit.filters import Filters
from app.services.audit.finding import about_user, activity, find, get, same_request
from app.services.audit.recording import about, is_news, maintenance, record, values
from app.services.audit.retention import anonymise, purge

__all__ = [
    "ACTIONS",
    "NOUNS",
    "Filters",
    "about",
    "about_user",
    "activity",
    "anonymise",
    "find",
    "get",
    "is_news",
    "maintenance",
    "purge",
    "record",
    "same_request",
    "values",
]
