"""The API for programs, at /api/v1, and the tokens with which they use it.

This is what the `api.py` of other features imports. See "How a feature adds resources" in the
README.
"""

from app.features.api.blueprint import api
from app.features.api.schemas import ApiSchema, Email, NameText, Text, Timestamp
from app.features.api.web.access import public, reads, writes
from app.features.api.web.etags import ensure_match, versioned
from app.features.api.web.lists import lists
from app.features.api.web.problems import ApiProblem, answers

__all__ = [
    "ApiProblem",
    "ApiSchema",
    "Email",
    "NameText",
    "Text",
    "Timestamp",
    "answers",
    "api",
    "ensure_match",
    "lists",
    "public",
    "reads",
    "versioned",
    "writes",
]
