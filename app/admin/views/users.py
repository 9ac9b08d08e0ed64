"""The people: finding, making and changing them."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import passwords
from app.admin import admin
from app.admin.forms import NewUserForm
from app.admin.requests import page_number, searched
from app.decorators import fresh_sign_in_required, permission_required
from app.models import Permission, Role
from app.services import directory, users
from app.services import roles as roles_service
from app.services.accounts import EmailTaken
from app.services.directory import DEFAULT_SORT, SORTS
from app.sign_in import me

TAKEN = "Someone has this address already."


# Finding people


@admin.get("/users")
@permission_required(Permission.MANAGE_USERS)
def registered_users() -> ResponseReturnValue:
    """The list, as the address asks for it; what makes no sense there is left out and said."""
    roles = roles_service.known()
    filters, notice = _read_filters(roles)
    listing = directory.find(
        search=filters["search"],
        role_id=int(filters["role"]) if filters["role"] else None,
        sort=filters["sort"],
        page=page_number(),
    )
    return render_template(
        "admin/registered_users.html",
        listing=listing,
        filters=filters,
        roles=roles,
        notice=notice,
    )


def _read_filters(roles: list[Role]) -> tuple[dict[str, str], str | None]:
    notice = None
    role = request.args.get("role", "")
    if role and role not in {str(known.id) for known in roles}:
        role, notice = "", "There is no such role, so people of every role are shown."
    sort = request.args.get("sort", DEFAULT_SORT)
    if sort.removeprefix("-") not in SORTS:
        sort, notice = DEFAULT_SORT, "The list cannot be sorted like that; newest come first."
    return {"search": searched(), "role": role, "sort": sort}, notice


# Making people


@admin.route("/new-user", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
def new_user() -> ResponseReturnValue:
    """Create a user who can sign in at once."""
    form, deleted = NewUserForm(), None
    if form.validate_on_submit():
        try:
            user = users.create(
                first_name=form.first_name.data,
                last_name=form.last_name.data,
                email=form.email.data,
                role=form.role.role,
                password=form.password.data,
                by=me(),
            )
        except EmailTaken as error:
            form.email.errors, deleted = [TAKEN], error.deleted
        except passwords.WeakPassword as error:
            form.password.errors = [str(error)]
        else:
            flash(f"{user.full_name()} has an account and is told by mail.", "success")
            return redirect(url_for("admin.user_info", user_id=user.id))
    return render_template("admin/new_user.html", form=form, deleted_owner=deleted)
