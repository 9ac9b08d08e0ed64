"""Admin views that invite users and manage pending invitations."""

from functools import wraps

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import TAKEN, TOO_MANY, name_of, user_or_404
from app.decorators import fresh_sign_in_required, permission_required
from app.features.invitations import invitations, links, tables
from app.features.invitations.forms import CopyInviteLinkForm, InviteUserForm, RevokeInviteForm
from app.features.invitations.invitations import InvitationsClosed, LinkChanged, NotInvited
from app.kit.mail import recipients
from app.kit.web import table_pages
from app.kit.web.redirects import next_url
from app.kit.web.restrict import View
from app.models import Permission, User
from app.services.policy import ensure_may_manage
from app.services.user_access import TooManyMails
from app.services.users import EmailTaken
from app.sign_in import me

CLOSED = "Invitations are closed by the setting REGISTRATION."
NO_MAIL = "{} is invited, but gets no mail: {}. Copy a link and hand it over."

managers_only = permission_required(Permission.MANAGE_USERS)


@admin.get("/invitations", endpoint="invitations")
@managers_only
def pending_invitations() -> ResponseReturnValue:
    """List the invited users who have not chosen a password yet, newest first."""
    return table_pages.show(tables.invitations, template="admin/invitations.html")


@admin.route("/invite-user", methods=["GET", "POST"])
@managers_only
@fresh_sign_in_required
def invite_user() -> ResponseReturnValue:
    """Invite a user by email. The user chooses a password."""
    form, deleted = InviteUserForm(), None
    if not links.are_open():
        page = render_template("admin/invite_user.html", form=None)
        return page, 200 if request.method == "GET" else 403
    if form.validate_on_submit():
        try:
            user = invitations.invite(
                first_name=form.first_name.data,
                last_name=form.last_name.data,
                email=form.email.data,
                role=form.role.role,
                by=me(),
            )
        except EmailTaken as error:
            form.email.errors, deleted = [TAKEN], error.deleted
        else:
            _tell(user, f"An invitation is on its way to {user.email}.")
            return redirect(url_for("admin.user_info", user_id=user.id))
    return render_template("admin/invite_user.html", form=form, deleted_owner=deleted)


def _tell(user: User, success: str) -> None:
    """Say that a mail goes to an invited user, or why it does not."""
    if reason := recipients.reasons_against([user.email]).get(user.email):
        flash(NO_MAIL.format(user.email, reason), "error")
    else:
        flash(success, "success")


def to_invited(view: View) -> View:
    """Pass the invited user with the id from the URL to a view.

    The response is 403 if the signed-in user may not manage the invited user.
    """

    @wraps(view)
    def guarded(user_id: int) -> ResponseReturnValue:
        user = user_or_404(user_id)
        ensure_may_manage(me(), user.role)
        try:
            if not user.is_invited or not user.is_active:
                raise NotInvited
            return view(user)
        except NotInvited:
            flash(f"{name_of(user)} has no open invitation.", "error")
        except InvitationsClosed:
            flash(CLOSED, "error")
        except TooManyMails:
            flash(TOO_MANY.format(user.email), "error")
        return redirect(url_for("admin.user_info", user_id=user_id))

    return guarded


@admin.post("/user/<int:user_id>/resend-invite")
@managers_only
@to_invited
def resend_invite(user: User) -> ResponseReturnValue:
    invitations.resend(user, by=me())
    _tell(user, f"The invitation to {user.email} is sent again.")
    person = url_for("admin.user_info", user_id=user.id)
    return redirect(next_url(request.args.get("next"), person))


@admin.route("/user/<int:user_id>/copy-invite-link", methods=["GET", "POST"])
@managers_only
@fresh_sign_in_required
@to_invited
def copy_invite_link(user: User) -> ResponseReturnValue:
    """Create a new invitation link. GET asks for confirmation, POST shows the link once."""
    invitations.require_open()
    form = CopyInviteLinkForm()
    if not form.validate_on_submit():
        form.known.data = str(user.invite_message_id or "")
        return render_template("admin/copy_invite_link.html", user=user, form=form)
    known = form.known.data
    try:
        link = invitations.copy_link(user, by=me(), known=int(known) if known else None)
    except LinkChanged:
        flash(
            f"A newer link to {name_of(user)} was made since this page was opened, so it shows "
            "none. Ask for another one if you need it.",
            "info",
        )
        return redirect(url_for("admin.invitations"))
    page = render_template("admin/invite_link.html", user=user, link=link)
    response = make_response(page)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@admin.route("/user/<int:user_id>/revoke-invite", methods=["GET", "POST"])
@managers_only
@fresh_sign_in_required
@to_invited
def revoke_invite(user: User) -> ResponseReturnValue:
    """Revoke an invitation. GET asks for confirmation, POST revokes it."""
    form, email = RevokeInviteForm(), user.email
    if form.validate_on_submit():
        invitations.revoke(user, by=me())
        flash(f"The invitation to {email} is revoked.", "success")
        return redirect(url_for("admin.invitations"))
    return render_template("admin/revoke_invite.html", user=user, form=form)
