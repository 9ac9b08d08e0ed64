"""Record audit events. `retention` deletes old ones; the pages are the feature `audit`."""

from app.kit.audit.actions import ACTIONS, NOUNS
from app.kit.audit.event import AuditEvent
from app.kit.audit.recording import about, is_news, provenance, record, values

__all__ = ["ACTIONS", "NOUNS", "AuditEvent", "about", "is_news", "provenance", "record", "values"]
