"""How often someone may try, where several parts of the app ask for the same."""

from flask_login import current_user

from app.extensions import limiter


def failed(response: object) -> bool:
    """Tell whether an attempt was refused: those that succeed send the browser elsewhere."""
    return getattr(response, "status_code", 200) < 300


def _user_key() -> str:
    return f"user:{current_user.id}" if current_user.is_authenticated else "anonymous"


# For pages that ask for the password of whoever is signed in (ASVS 5.0 6.3.1).
password_by_user = limiter.limit(
    "10 per 15 minutes", methods=["POST"], key_func=_user_key, deduct_when=failed
)
