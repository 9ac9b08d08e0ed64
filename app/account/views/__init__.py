"""The account pages, with a module for each use case. Importing this package registers them."""

from app.account.views import devices, index, password_reset, register, settings, sign_in

__all__ = [
    "devices",
    "index",
    "password_reset",
    "register",
    "settings",
    "sign_in",
]
