"""The table of roles."""

from app.features.roles import role_pages
from app.kit.tables import Column, Table
from app.kit.web import landing_pages
from app.models import Role

MACROS = "macros/role_macros.html"

roles = Table(
    Role,
    title="Roles",
    lead="Sets of permissions. Everyone has one role.",
    nouns=("role", "roles"),
    endpoint="admin.roles",
    columns=[
        Column("name", "Name", main=True, macro=f"{MACROS}:name_cell"),
        Column("permissions", "Permissions", macro=f"{MACROS}:permissions_cell", sort=[]),
        Column(
            "index",
            "Home",
            value=lambda row: landing_pages.path(row.role.index),
            nowrap=True,
            wide=True,
            sort=[],
        ),
        Column("people", "People", macro=f"{MACROS}:people_cell", align="end", nowrap=True),
    ],
    order="name",
    rows=role_pages.counted,
    add=("New role", "admin.new_role", "shield-plus"),
)
