"""The table of registrations that wait for approval."""

from app.features.approval import approvals
from app.features.approval.forms import RefuseRegistrationForm
from app.kit.tables import Column, RowAction, Table
from app.kit.tables.actions import BulkAction
from app.models import User
from app.services.policy import may_grant
from app.sign_in import me


def _may_decide(user: User) -> bool:
    return may_grant(me(), user.role.permissions if user.role else 0)


registrations = Table(
    User,
    title="Registrations",
    lead="Users who confirmed their email address and wait until you approve them.",
    nouns=("registration", "registrations"),
    endpoint="admin.registrations",
    columns=[
        Column(
            "name",
            "Person",
            value=lambda user: user.full_name() or user.email,
            main=True,
            link="admin.user_info",
            sub=lambda user: user.email,
            avatar=True,
            sort=[User.last_name, User.first_name],
        ),
        Column("created_at", "Registered", nowrap=True),
    ],
    search=["first_name", "last_name", "email"],
    search_label="Find by name or email",
    order="created_at",
    where=[approvals.waiting()],
    load=[User.role],
    empty=(
        "person-check",
        "Nobody waits",
        "Users who register are listed here once they have confirmed their email address.",
    ),
    row_actions=[
        RowAction(
            "Approve",
            "admin.approve_registration",
            icon="check2",
            is_posted=True,
            is_offered=_may_decide,
        ),
        RowAction(
            "Refuse",
            "admin.refuse_registration",
            icon="x-circle",
            danger=True,
            is_offered=_may_decide,
        ),
    ],
    bulk_actions=[
        BulkAction("approve", "Approve", do=approvals.approve, check=approvals.why_not),
        BulkAction(
            "refuse",
            "Refuse",
            do=approvals.refuse,
            check=approvals.why_not_refuse,
            danger=True,
            form=RefuseRegistrationForm,
        ),
    ],
)
