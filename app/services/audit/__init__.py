"""The audit trail: who did what, as whom, on what, from where and when."""

from app.services.audit.actions import ACTIONS, NOUNS
from app.services.audit.exporting import export
from app.services.audit.filters import Filters
from app.services.audit.finding import about_user, activity, find, get, same_request
from app.services.audit.forgetting import name_of_erased
from app.services.audit.recording import (
    about,
    is_news,
    maintenance,
    provenance,
    record,
    record_download,
    values,
)
from app.services.audit.retention import anonymise, anonymise_most, purge
from app.services.audit.words import kind, own_what, own_who, what

__all__ = [
    "ACTIONS",
    "NOUNS",
    "Filters",
    "about",
    "about_user",
    "activity",
    "anonymise",
    "anonymise_most",
    "export",
    "find",
    "get",
    "is_news",
    "kind",
    "maintenance",
    "name_of_erased",
    "own_what",
    "own_who",
    "provenance",
    "purge",
    "record",
    "record_download",
    "same_request",
    "values",
    "what",
]
