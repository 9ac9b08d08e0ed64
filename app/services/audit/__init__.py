"""The audit trail: who did what, as whom, on what, from where and when."""

from app.services.audit.actions import ACTIONS
from app.services.audit.recording import about, maintenance, record, values

__all__ = ["ACTIONS", "about", "maintenance", "record", "values"]
