"""The admin's pages, a module a noun. Importing it registers them."""

from app.admin.views import dashboard, emails, jobs, pages, roles, users

__all__ = ["dashboard", "emails", "jobs", "pages", "roles", "users"]
