"""The page of a user, and the actions that change their account."""

from typing import Any

from flask import flash, render_template
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.forms import (
    ChangeAccountTypeForm,
    ChangeUserEmailForm,
    ChangeUserNameForm,
    ReactivateUserForm,
    SuspendUserForm,
)
from app.admin.user_actions import (
    LAST,
    TAKEN,
    back_to,
    buttons,
    form_page,
    name_of,
    to_user,
    user_or_404,
)
from app.decorators import fresh_sign_in_required, permission_required
from app.extensions import db
from app.kit import slots
from app.kit.edit_conflicts import EditConflict
from app.models import Permission, User
from app.services import user_page, users
from app.services.policy import LastAdministrator
from app.services.users import EmailTaken
from app.sign_in import me


@admin.get("/user/<int:user_id>/info")
@admin.get("/user/<int:user_id>")
@permission_required(Permission.MANAGE_USERS)
def user_info(user_id: int) -> ResponseReturnValue:
    user = user_or_404(user_id)
    details = user_page.details(user, by=me())
    return render_template(
        "admin/user_info.html", user=user, profile=details, buttons=buttons(details.actions)
    )


@slots.subject_page("user", "admin.user_info")
def arguments_of_page(user_id: int) -> dict[str, Any] | None:
    return {"user_id": user_id} if db.session.get(User, user_id) else None


@admin.route("/user/<int:user_id>/change-name", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def change_user_name(user: User) -> ResponseReturnValue:
    form = ChangeUserNameForm(first_name=user.first_name, last_name=user.last_name)
    stale = None
    if form.validate_on_submit():
        before = user.first_name, user.last_name
        first, last = form.first_name.data, form.last_name.data
        try:
            users.change_name(user, first_name=first, last_name=last, by=me(), seen=form.seen.data)
        except EditConflict as error:
            wanted = [("First name", first, user.first_name), ("Last name", last, user.last_name)]
            stale = (error, [(label, new) for label, new, current in wanted if new != current])
        else:
            if (user.first_name, user.last_name) != before:
                flash(f"The name is now {user.full_name()}.", "success")
                return back_to(user)
            form.first_name.errors = ["This is their name already."]
    return form_page(
        user,
        form,
        title="Change name",
        lead="Shown wherever they are named. The change is on the record.",
        stale=stale,
    )


@admin.route("/user/<int:user_id>/change-email", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def change_user_email(user: User) -> ResponseReturnValue:
    form = ChangeUserEmailForm(email=user.email)
    stale = deleted_owner = None
    if form.validate_on_submit():
        before = user.email
        try:
            users.change_email(user, email=form.email.data, by=me(), seen=form.seen.data)
        except EmailTaken as error:
            form.email.errors, deleted_owner = [TAKEN], error.deleted
        except EditConflict as error:
            stale = (error, [("Email address", form.email.data)])
        else:
            if user.email != before:
                flash(f"The email address is now {user.email}.", "success")
                return back_to(user)
            form.email.errors = ["This is their email address already."]
    return form_page(
        user,
        form,
        title="Change email address",
        lead="Both the old and the new address get a mail. The person is signed out everywhere.",
        stale=stale,
        deleted_owner=deleted_owner,
    )


@admin.route("/user/<int:user_id>/change-account-type", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def change_account_type(user: User) -> ResponseReturnValue:
    form = ChangeAccountTypeForm(role=user.role_id)
    stale = None
    if form.validate_on_submit():
        role, before = form.role.role, user.role_id
        try:
            users.change_role(user, role=role, by=me(), seen=form.seen.data)
        except LastAdministrator:
            form.role.errors = [LAST]
        except EditConflict as error:
            stale = (error, [("Role", role.name)])
        else:
            if user.role_id != before:
                flash(f"{name_of(user)} now has the role {role.name}.", "success")
                return back_to(user)
            form.role.errors = ["They have this role already."]
    return form_page(
        user,
        form,
        title="Change role",
        lead=f"Takes effect at once, wherever {name_of(user)} is signed in.",
        stale=stale,
    )


@admin.route("/user/<int:user_id>/suspend", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def suspend_user(user: User) -> ResponseReturnValue:
    form = SuspendUserForm()
    stale = None
    if form.validate_on_submit():
        try:
            users.suspend(user, by=me(), reason=form.reason.data, seen=form.seen.data)
        except EditConflict as error:
            stale = (error, [("Status", "Suspended")])
        else:
            flash(f"{name_of(user)} is suspended and signed out.", "success")
            return back_to(user)
    return form_page(
        user,
        form,
        title=f"Suspend {name_of(user)}",
        lead="They cannot sign in until someone reactivates the account.",
        points=(
            "They are signed out everywhere at once.",
            "They are notified by email. Nothing is deleted.",
        ),
        stale=stale,
    )


@admin.route("/user/<int:user_id>/reactivate", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def reactivate_user(user: User) -> ResponseReturnValue:
    form = ReactivateUserForm()
    stale = None
    if form.validate_on_submit():
        try:
            users.reactivate(user, by=me(), reason=form.reason.data, seen=form.seen.data)
        except EditConflict as error:
            stale = (error, [("Status", "Not suspended")])
        else:
            flash(f"{name_of(user)} can sign in again.", "success")
            return back_to(user)
    return form_page(
        user,
        form,
        title=f"Reactivate {name_of(user)}",
        lead="They can sign in again, and are notified by email.",
        stale=stale,
    )
