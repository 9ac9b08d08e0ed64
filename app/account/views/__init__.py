"""The account pages, a module a journey. Importing it registers them."""

from app.account.views import changing, joining, resetting, signing_in

__all__ = ["changing", "joining", "resetting", "signing_in"]
