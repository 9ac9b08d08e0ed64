"""The account pages, a module for each use case. Importing it registers them."""

from app.account.views import delete, devices, password_reset, register, settings, sign_in

__all__ = ["delete", "devices", "password_reset", "register", "settings", "sign_in"]
