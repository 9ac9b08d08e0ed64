"""The admin's pages, a module a noun. Importing it registers them."""

from app.admin.views import (
    access,
    dashboard,
    emails,
    impersonation,
    jobs,
    pages,
    person,
    roles,
    users,
)

__all__ = [
    "access",
    "dashboard",
    "emails",
    "impersonation",
    "jobs",
    "pages",
    "person",
    "roles",
    "users",
]
