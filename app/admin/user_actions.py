"""Helpers for views with an action on one user: loading the user, early answers, confirmation."""

from functools import wraps
from typing import Any, get_args

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin.forms import SnapshotForm
from app.extensions import db
from app.kit import edit_conflicts, slots
from app.kit.edit_conflicts import EditConflict
from app.kit.slots import Place, UserAction
from app.kit.web.forms import BaseForm, ConfirmForm
from app.kit.web.restrict import View, may_open
from app.models import User
from app.services import user_page, users
from app.services.own_account import UserGone
from app.services.policy import LastAdministrator, NotOnSelf, ensure_may_manage, ensure_not_self
from app.services.user_access import TooManyMails, WrongState
from app.sign_in import me

LAST = "Nobody else could administer the app. Make someone else an administrator first."
ONESELF = "You cannot do this to your own account."
DELETED = "This account is deleted, so it cannot be changed."
TAKEN = "An account with this email address already exists."
STATE = "Nothing was done, because the state of the account has changed. Reload the page."
TOO_MANY = "Too many of these mails went to {} within an hour. Try again later."


def to_user(view: View) -> View:
    """Pass the user with the id in the URL to a view, and answer if the action is not possible.

    Apply this below the decorators that restrict the view. The answer is 403 for users with
    permissions that the visitor lacks.
    """

    @slots.acts_on_user
    @wraps(view)
    def guarded(user_id: int, **values: Any) -> ResponseReturnValue:
        user = user_or_404(user_id)
        try:
            refuse_early(user, request.endpoint or "")
            return view(user, **values)
        except NotOnSelf:
            flash(ONESELF, "error")
        except LastAdministrator:
            flash(LAST, "error")
        except WrongState:
            flash(STATE, "error")
        except TooManyMails:
            flash(TOO_MANY.format(user.email), "error")
        except UserGone:
            if db.session.get(User, user_id) is None:
                raise
            flash(DELETED, "error")
        return redirect(url_for("admin.user_info", user_id=user_id))

    return guarded


def refuse_early(user: User, endpoint: str) -> None:
    """Raise the exception of the service early, before a page offers an impossible action."""
    action = slots.user_action_at(endpoint)
    if user_page.is_available(action, user, by=me()):
        return
    ensure_may_manage(me(), user.role)
    if user.is_deleted:
        raise UserGone
    ensure_not_self(user, me())
    raise WrongState


def buttons(actions: list[UserAction]) -> dict[str, dict[str, list[UserAction]]]:
    """Group the actions that the visitor may open by place and by the heading of their row."""
    places: dict[str, dict[str, list[UserAction]]] = {place: {} for place in get_args(Place)}
    for action in actions:
        if may_open(action.endpoint):
            places[action.place].setdefault(action.heading, []).append(action)
    return places


def user_or_404(user_id: int) -> User:
    return db.get_or_404(User, user_id)


def back_to(user: User) -> ResponseReturnValue:
    return redirect(url_for("admin.user_info", user_id=user.id))


def name_of(user: User) -> str:
    return user.full_name() or user.email


def form_page(
    user: User,
    form: BaseForm,
    *,
    title: str,
    lead: str,
    points: tuple[str, ...] = (),
    stale: tuple[EditConflict, list[tuple[str, str]]] | None = None,
    deleted_owner: User | None = None,
) -> ResponseReturnValue:
    """Render the page of an action with the user, the consequences and the form.

    `stale` is an edit conflict with the values that the visitor wants. `deleted_owner` is the
    deleted user who has the entered email.
    """
    if isinstance(form, SnapshotForm) and (stale or not form.is_submitted()):
        form.seen.data = edit_conflicts.snapshot(users.form_values(user))
    page = render_template(
        "admin/user_action.html",
        user=user,
        form=form,
        title=title,
        lead=lead,
        points=points,
        stale=stale,
        deleted_owner=deleted_owner,
    )
    return page, 409 if stale else 200


def ask_to_confirm(
    user: User, *, title: str, lead: str, button: str, points: tuple[str, ...] = (), danger: bool
) -> ResponseReturnValue | None:
    """Return the page that asks for confirmation, or None once the user has confirmed."""
    form = ConfirmForm()
    form.submit.label.text = button
    form.submit.render_kw = {"class": "btn-danger" if danger else "btn-primary"}
    if form.validate_on_submit():
        return None
    return form_page(user, form, title=title, lead=lead, points=points)
