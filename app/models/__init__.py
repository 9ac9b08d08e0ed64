"""The core's models. Importing this package registers every one of them."""

from app.kit.attempts import PasswordGuesses
from app.kit.audit.event import AuditEvent
from app.models.role import Permission, Role
from app.models.user import User
from app.models.user_loader import AnonymousUser
from app.models.user_session import UserSession

__all__ = [
    "AnonymousUser",
    "AuditEvent",
    "PasswordGuesses",
    "Permission",
    "Role",
    "User",
    "UserSession",
]
