"""Record, keep and forget who did what. The pages of the trail are a feature, `audit`."""

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
    "about",
    "anonymise",
    "anonymise_most",
    "is_news",
    "maintenance",
    "name_of_erased",
    "provenance",
    "purge",
    "record",
    "record_download",
    "values",
]
