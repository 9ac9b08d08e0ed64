"""The audit trail: who did what, as whom, on what, from where and when."""

from app.features.audit.services.exporting import export
from app.features.audit.services.filters import Filters
from app.features.audit.services.finding import about_user, activity, find, get, same_request
from app.features.audit.services.words import kind, own_what, own_who, what
from app.services.audit.actions import ACTIONS, NOUNS
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
