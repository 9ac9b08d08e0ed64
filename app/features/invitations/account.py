"""The page on which an invited user chooses a password."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.account import account
from app.account.responses import refuse_link
from app.decorators import anonymous_required
from app.features.invitations import invitations, links
from app.features.invitations.forms import CreatePasswordForm
from app.kit import passwords
from app.kit.web.gates import open_to
from app.kit.web.sign_in.browser_marks import mark_browser
from app.services import mailed_links
from app.services.mailed_links import LinkRefused


@account.route("/join-from-invite/<int:user_id>/<token:token>", methods=["GET", "POST"])
@anonymous_required
@open_to("unconfirmed", "impersonating")
def join_from_invite(user_id: int, token: str) -> ResponseReturnValue:
    """Accept an invitation by choosing a password."""
    if not links.are_open():
        page = render_template("account/registration_closed.html")
        return page, 403
    form = CreatePasswordForm()
    try:
        user = mailed_links.find_by_token("invite", token)
        if user.id != user_id:
            raise LinkRefused
        if form.validate_on_submit():
            mark_browser(invitations.accept(user_id, token, form.password.data))
            flash(f"Your password is set. Sign in as {user.email}.", "success")
            return redirect(url_for("account.login"))
    except passwords.WeakPassword as error:
        form.password.errors = [str(error)]
    except LinkRefused:
        return refuse_link(
            "This invitation does not work",
            "It may have expired or been used. Ask the person who invited you for a new one.",
            "account.login",
            "Sign in",
        )
    return render_template("account/join_from_invite.html", form=form, user=user)
