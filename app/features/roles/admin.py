"""Admin views that list, create, edit and delete roles."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.extensions import db
from app.features.roles import editing, role_pages, tables
from app.features.roles.editing import DefaultAbove, DefaultRole, NameTaken, UnknownPermission
from app.features.roles.forms import FOR_EVERYONE, TICK_ONE, DeleteRoleForm, RoleForm
from app.features.roles.reassign_role import MOST, TooManyUsers
from app.kit import edit_conflicts, slots
from app.kit.web import table_pages
from app.models import Permission, Role
from app.services import policy
from app.services.policy import InsufficientPrivileges, LastAdministrator
from app.sign_in import me

LAST = "Nobody else could administer the app. Make someone else an administrator first."
DEFAULT_ABOVE = "The present default role has permissions that you lack, so you cannot replace it."
ABOVE = "The role has permissions that you lack, so you cannot change or delete it."


@admin.get("/roles")
@permission_required(Permission.MANAGE_ROLES)
def roles() -> ResponseReturnValue:
    return table_pages.show(tables.roles)


@admin.route("/roles/new", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_ROLES)
@fresh_sign_in_required
def new_role() -> ResponseReturnValue:
    form = RoleForm()
    if not form.is_submitted():
        form.index.data = "account"
        form.permissions.set_bits(Permission.GENERAL)
    elif form.validate():
        return _confirm(form, None) or _save(form, None) or _form(form, None)
    return _form(form, None)


@admin.route("/roles/<int:role_id>", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_ROLES)
@fresh_sign_in_required
def role(role_id: int) -> ResponseReturnValue:
    """Edit a role. A role with permissions that the administrator lacks is read-only."""
    found = _role_or_404(role_id)
    form = RoleForm()
    if not form.is_submitted():
        form.show(found)
    else:
        policy.ensure_may_manage(me(), found)
        if form.validate():
            return _confirm(form, found) or _save(form, found) or _form(form, found)
    return _form(form, found)


def _confirm(form: RoleForm, found: Role | None) -> ResponseReturnValue | None:
    """Return a page that confirms the effect on users, or None to continue with saving.

    None means that the change was just confirmed, or that it affects no user.
    """
    if request.form.get("back"):
        return _form(form, found)
    effect = role_pages.effect_of(found, form.values, by=me())
    promise = edit_conflicts.snapshot(form.values.noted())
    if not effect.is_felt or form.confirmed.data == promise:
        return None
    return render_template(
        "admin/role_confirm.html", form=form, role=found, effect=effect, promise=promise
    )


def _save(form: RoleForm, found: Role | None) -> ResponseReturnValue | None:
    """Save the role and return a redirect. On errors, attach them to the form and return None."""
    changed = None
    try:
        if found is None:
            found = editing.create(form.values, by=me())
        else:
            editing.change(found, form.values, by=me(), seen=form.seen.data or "")
    except NameTaken:
        form.name.errors = ["Another role has this name already."]
    except DefaultAbove:
        form.default.errors = [DEFAULT_ABOVE]
    except InsufficientPrivileges:
        form.permissions.errors = ["You cannot give a permission that you lack."]
    except UnknownPermission:
        form.permissions.errors = [TICK_ONE]
    except DefaultRole:
        field = form.permissions if found and found.default else form.default
        field.errors = [FOR_EVERYONE]
    except LastAdministrator:
        form.permissions.errors = [LAST]
    except edit_conflicts.EditConflict as error:
        changed = error
    else:
        flash(f"The role {found.name} is saved.", "success")
        return redirect(url_for("admin.roles"))
    return _form(form, found, changed) if changed else None


def _form(
    form: RoleForm, found: Role | None, changed: edit_conflicts.EditConflict | None = None
) -> ResponseReturnValue:
    if changed and found:
        form.note(found)  # The next submit overwrites the other change on purpose.
    if found and found.default:
        form.default.data = True
    page = render_template(
        "admin/role.html",
        form=form,
        role=found,
        changed=changed,
        may_change=found is None or policy.may_grant(me(), found.permissions),
        people=role_pages.count_people(found) if found else 0,
        panels=slots.shown_role_panels(found, me()) if found else [],
    )
    return page, 409 if changed else 200


@admin.route("/roles/<int:role_id>/delete", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_ROLES)
@fresh_sign_in_required
def delete_role(role_id: int) -> ResponseReturnValue:
    """Delete a role. GET asks for the new role of its users, POST moves them and deletes it."""
    found = _role_or_404(role_id)
    name = found.name
    back = redirect(url_for("admin.role", role_id=role_id))
    form = DeleteRoleForm()
    form.leave_out(found)
    if reason := _why_not(found, form):
        flash(reason, "error")
        return back
    if form.validate_on_submit():
        try:
            moved = editing.delete(found, move_to=form.role.role, by=me())
        except LastAdministrator:
            form.role.errors = [LAST]
        except DefaultRole:
            flash(_why_not(found, form) or "", "error")
            return back
        except TooManyUsers:
            form.role.errors = [
                f"More than {MOST:,} people have this role. Give them another role first."
            ]
        else:
            flash(f"The role {name} is deleted.{_moved(moved, form.role.role)}", "success")
            return redirect(url_for("admin.roles"))
    return render_template(
        "admin/delete_role.html", form=form, role=found, people=role_pages.count_people(found)
    )


def _why_not(found: Role, form: DeleteRoleForm) -> str | None:
    """Return why a role cannot be deleted, or None if it can."""
    if not policy.may_grant(me(), found.permissions):
        return ABOVE
    if found.default:
        return "People who register get this role. Let them get another before you delete it."
    if not form.role.roles:
        return "There is no other role to give to its people."
    return None


def _moved(count: int, to: Role) -> str:
    if not count:
        return ""
    return f" {count:,} {'person has' if count == 1 else 'people have'} the role {to.name} now."


def _role_or_404(role_id: int) -> Role:
    return db.get_or_404(Role, role_id)
