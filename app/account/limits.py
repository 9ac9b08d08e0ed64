"""How often the account pages let someone try."""

from email_validator import EmailNotValidError
from flask import request
from flask_login import current_user

from app.extensions import limiter
from app.models.user import EMAIL_LENGTH
from app.services.typed import stored_address


def _failed(response: object) -> bool:
    """Tell whether an attempt was refused: those that succeed send the browser elsewhere."""
    return getattr(response, "status_code", 200) < 300


def _account_key() -> str:
    typed = request.form.get("email", "")[: 2 * EMAIL_LENGTH]
    try:
        return "account:" + stored_address(typed)
    except EmailNotValidError:  # No account has it, so only the visitor's own attempts count.
        return f"visitor:{request.remote_addr}"


def _user_key() -> str:
    return f"user:{current_user.id}" if current_user.is_authenticated else "anonymous"


# Guesses are counted by address and by account (ASVS 5.0 6.3.1). A stranger can keep an owner
# waiting for a quarter of an hour at most, never lock them out.
sign_in_by_address = limiter.limit(
    "30 per 15 minutes; 100 per hour", methods=["POST"], deduct_when=_failed
)
sign_in_by_account = limiter.limit(
    "10 per 15 minutes", methods=["POST"], key_func=_account_key, deduct_when=_failed
)
password_by_user = limiter.limit(
    "10 per 15 minutes", methods=["POST"], key_func=_user_key, deduct_when=_failed
)
mail_by_address = limiter.limit("100 per hour", methods=["POST"])
