"""The tables. Every model is named here, so that importing the package makes them all known."""

from app.kit.mail.email_message import EmailMessage
from app.models.audit_event import AuditEvent, AuditMaintenance
from app.models.bulk_operation import BulkItem, BulkOperation
from app.models.editable_html import EditableHTML
from app.models.password_guesses import PasswordGuesses
from app.models.people_import import (
    ImportChunk,
    ImportProblem,
    ImportResult,
    PeopleImport,
)
from app.models.role import Permission, Role
from app.models.user import User
from app.models.user_session import UserSession
from app.models.visitor import AnonymousUser

__all__ = [
    "AnonymousUser",
    "AuditEvent",
    "AuditMaintenance",
    "BulkItem",
    "BulkOperation",
    "EditableHTML",
    "EmailMessage",
    "ImportChunk",
    "ImportProblem",
    "ImportResult",
    "PasswordGuesses",
    "PeopleImport",
    "Permission",
    "Role",
    "User",
    "UserSession",
]
