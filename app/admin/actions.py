"""The core's actions on users: their buttons, and the conditions of each."""

from app.kit.slots import user_action, user_list_action
from app.models import User
from app.services import user_changes
from app.services.user_changes import Parameters


@user_action(
    "admin.reactivate_user", "Reactivate", place="header", order=20, icon="unlock", tone="primary"
)
def may_reactivate(user: User, by: User) -> bool:
    return not user_changes.REACTIVATE.why_not(user, Parameters(by=by))


@user_action("admin.end_user_sessions", "End all", skips_self=False)
@user_action("admin.end_user_session", "End", skips_self=False)
@user_action(
    "admin.change_user_name",
    "Change",
    place="manage",
    order=20,
    heading="Name",
    text="Shown wherever they are named.",
    hidden="name",
    skips_self=False,
)
@user_action(
    "admin.change_user_email",
    "Change",
    place="manage",
    order=30,
    heading="Email address",
    text="Both addresses get a mail.",
    hidden="email address",
    skips_self=False,
)
@user_action(
    "admin.change_account_type",
    "Change",
    place="manage",
    order=40,
    heading="Role",
    text="Decides their permissions.",
    hidden="role",
)
def is_always_possible(_user: User, _by: User) -> bool:
    return True


@user_action(
    "admin.resend_confirmation",
    "Send link again",
    place="access",
    order=10,
    heading="Confirmation",
    text="The address is not confirmed yet.",
    is_posted=True,
)
@user_action(
    "admin.confirm_user", "Confirm by hand", place="access", order=11, heading="Confirmation"
)
def may_confirm(user: User, by: User) -> bool:
    return not user_changes.CONFIRM.why_not(user, Parameters(by=by))


@user_action(
    "admin.send_reset_link",
    "Send",
    place="access",
    order=20,
    heading="Reset link",
    text="A mail with a link to choose a new password.",
    hidden="the reset link",
)
def may_send_reset_link(user: User, _by: User) -> bool:
    return user.status in {"active", "unconfirmed"}


@user_action(
    "admin.require_password_change",
    "Require",
    place="access",
    order=30,
    heading="New password",
    text="They choose one before they can go on.",
    hidden="a new password",
)
def may_require_password_change(user: User, _by: User) -> bool:
    return bool(user.password_hash) and not user.must_change_password


@user_action(
    "admin.suspend_user",
    "Suspend",
    place="danger",
    order=10,
    heading="Suspend",
    text="Signs them out and keeps the account.",
    hidden="{name}",
    tone="outline-danger",
)
def may_suspend(user: User, by: User) -> bool:
    return not user_changes.SUSPEND.why_not(user, Parameters(by=by))


@user_list_action("admin.new_user", "Add a person", order=20)
def offer_new_user() -> bool:
    return True
