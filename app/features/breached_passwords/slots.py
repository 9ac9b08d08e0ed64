"""Plug the look-up of breached passwords into the rule for new passwords."""

from app.features.breached_passwords.breaches import is_breached
from app.kit.passwords.password_rule import new_password_check


@new_password_check
def find_breach(password: str) -> str:
    breached = "This password appeared in a data breach. Choose another one."
    return breached if is_breached(password) else ""
