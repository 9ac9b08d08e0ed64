"""The plain list of users. A feature may declare another one in its place."""

from app.kit.tables import Column, Table
from app.models import User

users = Table(
    User,
    title="People",
    lead="Everyone with an account, the newest first.",
    nouns=("person", "people"),
    endpoint="admin.registered_users",
    columns=[
        Column(
            "name",
            "Name",
            value=lambda user: user.full_name() or user.email,
            main=True,
            link="admin.user_info",
            sub=lambda user: user.email if user.full_name() else "",
            avatar=True,
        ),
        Column("role", "Role", value=lambda user: user.role.name if user.role else "None"),
        Column("status", "Status", badge=True),
        Column("created_at", "Joined", nowrap=True),
    ],
    search=["first_name", "last_name", "email"],
    search_label="Search by name or email",
    order="-created_at",
    where=[User.deleted_at.is_(None)],
    empty=("people", "Nobody is here yet", "Add the first person, and they appear here."),
    no_match=("Nobody matches", "Try part of a name or email address."),
)
