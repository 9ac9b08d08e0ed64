"""The admin's pages, a module a noun. Importing it registers them."""

from app.admin.views import (
    access,
    dashboard,
    directory,
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
    "directory",
    "emails",
    "impersonation",
    "jobs",
    "pages",
    "person",
    "roles",
    "users",
]
