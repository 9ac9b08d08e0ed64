"""The pages that sign in with providers, and those on which users manage linked accounts."""

from collections.abc import Callable

from flask import abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account, limits
from app.decorators import anonymous_required, fresh_sign_in_required
from app.features.oauth import providers, services
from app.features.oauth.browser import NobodyIdentified, find_or_404, leave_for, refuse, take_answer
from app.features.oauth.forms import LinkAccountForm, UnlinkAccountForm
from app.features.oauth.models import LinkedAccount
from app.features.oauth.providers import LEEWAY, Identity, Provider
from app.features.oauth.services import AlreadyLinked, NotLinked, TooManyLinked
from app.features.oauth.states import Begun, ProviderPurpose
from app.kit.slots import LastSignInMethod
from app.kit.web.gatekeeper import in_order, skips
from app.kit.web.gates import signs_in
from app.kit.web.redirects import next_url
from app.kit.web.sign_in.second_steps import PendingSignIn
from app.models import User
from app.services.own_account import ensure_not_impersonating
from app.sign_in import NOT_FRESH, complete, confirm_sign_in, me, sign_in

INSTEAD = "Use another way, or choose a password: sign out, and open “Forgot your password?”."

# Leaving for a provider, and coming back


@account.post("/sign-in-with")
@anonymous_required
@limits.sign_in_by_site
@signs_in
def sign_in_with() -> ResponseReturnValue:
    """Send the browser to a provider, to sign in or to register."""
    provider = find_or_404(request.form.get("provider", ""))
    return leave_for(
        provider,
        ProviderPurpose.SIGN_IN,
        to=next_url(request.args.get("next"), ""),
        remember=bool(request.form.get("remember_me")),
    )


@account.post("/reauthenticate/with")
@login_required
@limits.sign_in_by_site
@signs_in
def reauthenticate_with() -> ResponseReturnValue:
    """Send the browser to a provider, to make the sign-in fresh."""
    ensure_not_impersonating(me())
    provider = find_or_404(request.form.get("provider", ""))
    to = next_url(request.args.get("next"), url_for("main.index"))
    return leave_for(provider, ProviderPurpose.FRESH_SIGN_IN, to=to, **_ids_here())


@account.get("/sign-in-with/<string:provider>/answer", has_secret_query=True)
@signs_in
def answer_of_provider(provider: str) -> ResponseReturnValue:
    """Handle the redirect from a provider: sign in, link the account, or confirm the user."""
    chosen = find_or_404(provider)
    try:
        begun, identity = take_answer(chosen)
    except NobodyIdentified as problem:
        flash(str(problem), "error")
        return redirect(problem.page)
    is_here = current_user.is_authenticated and _ids_here() == {
        "user_id": begun.user_id,
        "session_id": begun.session_id,
    }
    if begun.purpose == ProviderPurpose.SIGN_IN:
        if current_user.is_authenticated:  # in another tab, meanwhile
            return redirect(begun.to or url_for("main.index"))
    elif not is_here:
        flash("Your session has ended or changed meanwhile. Start again.", "error")
        return redirect(url_for("account.login"))
    finish: Callable[[Provider, Identity, Begun], ResponseReturnValue] = {
        ProviderPurpose.SIGN_IN: _finish_sign_in,
        ProviderPurpose.LINK: _finish_link,
        ProviderPurpose.FRESH_SIGN_IN: _finish_fresh_sign_in,
    }[ProviderPurpose(begun.purpose)]
    return finish(chosen, identity, begun)


def _finish_sign_in(provider: Provider, identity: Identity, begun: Begun) -> ResponseReturnValue:
    try:
        user = services.user_of(identity, provider)
    except services.NotSignedIn as refusal:
        return refuse(provider, begun, refusal)
    answer = sign_in(
        user,
        to=begun.to,
        remember=begun.remember,
        method=provider.label,
        proves_two=_proves_two(identity),
    )
    if not _is_fresh(user, identity, provider, begun):
        session[NOT_FRESH] = True
    return answer


def _finish_link(provider: Provider, identity: Identity, begun: Begun) -> ResponseReturnValue:
    if _is_held_back("account.link_account"):  # The gates of that page say why, and lead on.
        return redirect(url_for("account.link_account", provider=provider.name))
    try:
        services.link(me(), identity, provider)
    except (AlreadyLinked, TooManyLinked) as refusal:
        return refuse(provider, begun, refusal)
    flash(f"Your account of {provider.label} is linked.", "success")
    return redirect(url_for("account.linked_accounts"))


def _is_held_back(endpoint: str) -> bool:
    """Return whether a gate has closed a page since the browser left it for a provider."""
    closing = (one for one in in_order() if not skips(current_app, endpoint, one))
    return any(one.ask() is not None for one in closing)


def _finish_fresh_sign_in(
    provider: Provider, identity: Identity, begun: Begun
) -> ResponseReturnValue:
    if not _is_fresh(me(), identity, provider, begun):
        said = "did not ask you to sign in again"
        if identity.authenticated_at is None:
            said = "does not say when you signed in there"
        flash(f"{provider.label} {said}, so it cannot confirm that it is you. {INSTEAD}", "error")
        return redirect(url_for("account.reauthenticate", next=begun.to))
    try:
        services.confirm(identity, provider, by=me())
    except NotLinked as refusal:
        return refuse(provider, begun, refusal)
    if _proves_two(identity):
        pending = PendingSignIn(method=provider.label, to=begun.to, session_id=begun.session_id)
        return complete(me(), pending, has_second_factor=True)
    return confirm_sign_in(to=begun.to, method=provider.label)


def _is_fresh(user: User, identity: Identity, provider: Provider, begun: Begun) -> bool:
    """Return whether the provider says that it asked the user just now, or is their only way in.

    The query of the URL that asks for this passes through the browser, which may change it.
    """
    at = identity.authenticated_at
    if at is not None and at > begun.at - LEEWAY:
        return True
    return not provider.asks_again and services.may_confirm(user, provider)


def _proves_two(identity: Identity) -> bool:
    is_trusted: bool = current_app.config["TRUST_PROVIDERS_SECOND_FACTOR"]
    return is_trusted and identity.has_several_factors


def _ids_here() -> dict[str, int]:
    """Return the ids of the user and the session, so that no other one finishes what they began."""
    user = me()
    return {"user_id": user.id, "session_id": user.session.id if user.session else 0}


# Managing linked accounts


@account.get("/manage/linked-accounts")
@login_required
def linked_accounts() -> ResponseReturnValue:
    return render_template(
        "account/linked_accounts.html",
        accounts=services.of_user(me()),
        label_of=services.label_of,
        providers=providers.configured().values(),
    )


@account.route("/manage/linked-accounts/link/<string:provider>", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
@limits.sign_in_by_site
def link_account(provider: str) -> ResponseReturnValue:
    """Send the browser to a provider, to link an account there."""
    chosen, form = find_or_404(provider), LinkAccountForm()
    if form.validate_on_submit():
        return leave_for(chosen, ProviderPurpose.LINK, **_ids_here())
    return render_template("account/link_account.html", form=form, provider=chosen)


@account.route("/manage/linked-accounts/<int:linked_account_id>/unlink", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def unlink_account(linked_account_id: int) -> ResponseReturnValue:
    linked, form = _own_or_404(linked_account_id), UnlinkAccountForm()
    label = services.label_of(linked)
    if form.validate_on_submit():
        try:
            services.unlink(linked, by=me())
        except NotLinked:
            flash("The account was unlinked meanwhile.", "error")
        except LastSignInMethod:
            flash("This is your only way to sign in. Choose a password first.", "error")
        else:
            flash(f"Your account of {label} is unlinked. Other devices are signed out.", "success")
        return redirect(url_for("account.linked_accounts"))
    return render_template("account/unlink_account.html", form=form, account=linked, label=label)


def _own_or_404(linked_account_id: int) -> LinkedAccount:
    return services.find_own(linked_account_id, me()) or abort(404)
