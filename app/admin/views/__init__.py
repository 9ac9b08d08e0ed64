"""The admin's pages, a module a noun. Importing it registers them."""

from app.admin.views import dashboard, pages, users

__all__ = ["dashboard", "pages", "users"]
