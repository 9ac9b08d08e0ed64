"""The admin's pages, a module a noun. Importing it registers them."""

from app.admin.views import (
    access,
    audit,
    bulk,
    dashboard,
    directory,
    emails,
    impersonation,
    imports,
    invitations,
    jobs,
    many_jobs,
    pages,
    person,
    roles,
    users,
)

__all__ = [
    "access",
    "audit",
    "bulk",
    "dashboard",
    "directory",
    "emails",
    "impersonation",
    "imports",
    "invitations",
    "jobs",
    "many_jobs",
    "pages",
    "person",
    "roles",
    "users",
]
