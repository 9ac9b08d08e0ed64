"""Record audit events, and delete old ones. The pages of the trail are the feature `audit`."""

from app.kit.audit.actions import ACTIONS, NOUNS
from app.kit.audit.event import AuditEvent
from app.kit.audit.forgetting import name_of_erased
from app.kit.audit.recording import (
    about,
    is_news,
    maintenance,
    provenance,
    record,
    record_download,
    record_each,
    values,
)
from app.kit.audit.retention import purge

__all__ = [
    "ACTIONS",
    "NOUNS",
    "AuditEvent",
    "about",
    "is_news",
    "maintenance",
    "name_of_erased",
    "provenance",
    "purge",
    "record",
    "record_download",
    "record_each",
    "values",
]
