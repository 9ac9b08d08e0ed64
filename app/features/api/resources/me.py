"""The account of the owner of the token."""

from typing import Any

from app.features.api.blueprint import api
from app.features.api.schemas import NamesSchema, OwnAccountSchema
from app.features.api.web.access import reads, writes
from app.features.api.web.etags import ensure_match, versioned
from app.kit import edit_conflicts
from app.models import User
from app.services import users
from app.sign_in import me


@api.get("/me", tags=["Me"])
@reads()
@versioned
@api.response(200, OwnAccountSchema)
def get_me() -> User:
    """Get your own account."""
    return me()


@api.patch("/me", tags=["Me"])
@writes()
@versioned
@api.arguments(NamesSchema)
@api.response(200, OwnAccountSchema)
def change_me(values: dict[str, Any]) -> User:
    """Change your own name."""
    user = me()
    ensure_match(OwnAccountSchema, user)
    seen = edit_conflicts.snapshot(users.form_values(user))
    names = {"first_name": user.first_name, "last_name": user.last_name} | values
    users.change_name(user, **names, by=user, seen=seen)
    return user
