"""The audit trail: who did what, as whom, on what, from where and when."""

from app.services.audit.actions import ACTIONS
from app.services.audit.recording import about, is_news, maintenance, record, values

__all__ = ["ACTIONS", "about", "is_news", "maintenance", "record", "values"]
