"""Apply one action to many users: preview, confirm, then run in batches that can be resumed."""

from app.features.bulk.services.actions import ACTIONS, REASONS, STOP_REASONS, Action
from app.features.bulk.services.operations import confirm, purge, run, run_some, title
from app.features.bulk.services.previews import NotOffered, preview

__all__ = [
    "ACTIONS",
    "REASONS",
    "STOP_REASONS",
    "Action",
    "NotOffered",
    "confirm",
    "preview",
    "purge",
    "run",
    "run_some",
    "title",
]
