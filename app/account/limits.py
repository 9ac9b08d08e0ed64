"""How often the account pages let someone try."""

from email_validator import EmailNotValidError
from flask import request

from app.extensions import limiter
from app.limits import failed, password_by_user
from app.models.user import EMAIL_LENGTH
from app.services import accounts
from app.services.typed import stored_address

__all__ = ["mail_by_address", "password_by_user", "sign_in_by_account", "sign_in_by_address"]


def _account_key() -> str:
    # What is no address no account has, so only the visitor's own attempts count.
    typed = _typed_address()
    return f"account:{typed}" if typed else f"visitor:{request.remote_addr}"


def _typed_address() -> str:
    try:
        return stored_address(request.form.get("email", "")[: 2 * EMAIL_LENGTH])
    except EmailNotValidError:
        return ""


def _note(_limit: object) -> None:
    """Have the audit trail tell of attempts that are no longer looked at."""
    accounts.note_throttled(_typed_address())


# Guesses are counted by address and by account (ASVS 5.0 6.3.1). A stranger can keep an owner
# waiting for a quarter of an hour at most, never lock them out.
sign_in_by_address = limiter.limit(
    "30 per 15 minutes; 100 per hour", methods=["POST"], deduct_when=failed, on_breach=_note
)
sign_in_by_account = limiter.limit(
    "10 per 15 minutes",
    methods=["POST"],
    key_func=_account_key,
    deduct_when=failed,
    on_breach=_note,
)
mail_by_address = limiter.limit("100 per hour", methods=["POST"])
