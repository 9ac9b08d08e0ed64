"""The core's admin pages. Importing this package registers them."""

from app.admin import actions  # noqa: F401 - the core's actions register themselves
from app.admin.views import dashboard, user_access, user_page, users

__all__ = ["dashboard", "user_access", "user_page", "users"]
