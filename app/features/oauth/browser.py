"""The browser's side of signing in at a provider: leaving for it, and coming back."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.extensions import db
from app.features.oauth import providers, services, states
from app.features.oauth.client_kinds import client_of
from app.features.oauth.providers import Identity, Provider, ProviderProblem
from app.features.oauth.states import Begun, ProviderPurpose
from app.kit.database import reading_only

logger = logging.getLogger(__name__)

# The page to which a browser returns if nothing came of a sign-in.
PAGES = {
    ProviderPurpose.SIGN_IN: "account.login",
    ProviderPurpose.LINK: "account.linked_accounts",
    ProviderPurpose.FRESH_SIGN_IN: "account.reauthenticate",
}
REFUSALS: dict[type[Exception], str] = {
    services.UserClosed: "This account is closed. Ask an administrator.",
    services.EmailNotVerified: "No account here is linked to this account of {}, and {} does not "
    "say that your email is verified. Sign in another way first, then link it.",
    services.EmailHasAccount: "Your email has an account here that is not linked to {}. Sign in "
    "first, then link it.",
    services.InvitationOpen: "You are invited. Open the link in the invitation first, then link "
    "your account of {}.",
    services.NoRegistration: "No account here is linked to this account of {}, and registration "
    "is not open.",
    services.NotLinked: "This account of {} is not linked to your account.",
    services.AlreadyLinked: "This account of {} is linked to an account here already.",
    services.TooManyLinked: f"You have {services.MOST} linked accounts. Unlink one first.",
}


class NobodyIdentified(Exception):
    """No provider identified anybody. The message is a sentence for the user of `page`."""

    def __init__(self, sentence: str, page: str) -> None:
        super().__init__(sentence)
        self.page = page


def find_or_404(name: str) -> Provider:
    return providers.configured().get(name) or abort(404)


def leave_for(provider: Provider, purpose: ProviderPurpose, **values: Any) -> ResponseReturnValue:
    """Answer with a page that sends the browser to a provider.

    A redirect would not do: the content security policy lets forms lead to this site alone, and
    browsers apply it to each redirect after a form, also at the provider.
    """
    home = current_app.config["APP_URL"]
    if urlsplit(home).netloc != request.host:
        flash(f"{provider.label} sends you back to {home}. Open this page there.", "error")
        return redirect(url_for(PAGES[purpose]))
    db.session.rollback()  # The provider may be slow, and a transaction would block other writers.
    begun = states.begin(session, provider=provider.name, purpose=purpose, **values)
    try:
        url = client_of(provider).start(begun, is_fresh=purpose is ProviderPurpose.FRESH_SIGN_IN)
    except ProviderProblem as problem:
        flash(_explained(provider, problem), "error")
        return redirect(page_of(begun))
    host = urlsplit(url).netloc
    return render_template("account/leave_for_provider.html", provider=provider, url=url, host=host)


def take_answer(provider: Provider) -> tuple[Begun, Identity]:
    """Return the sign-in that the URL answers, and who signed in. Raises NobodyIdentified.

    The answer arrives by GET, as OAuth has it, and is used up before the provider is asked.
    """
    reading_only.set(False)
    db.session.rollback()  # It was begun for reading only.
    answer = {name: texts[0] for name, texts in request.args.lists() if len(texts) == 1}
    try:
        begun = states.take(session, answer.get("state", ""), provider.name)
    except states.NotBegun:
        text = "That took too long, or was begun in another browser. Start again."
        raise NobodyIdentified(text, url_for("account.login")) from None
    try:
        return begun, client_of(provider).identify(begun, answer)
    except ProviderProblem as problem:
        raise NobodyIdentified(_explained(provider, problem), page_of(begun)) from None


def _explained(provider: Provider, problem: ProviderProblem) -> str:
    """Return a sentence for the user, and log the problem."""
    logger.warning("no sign-in with %s: it %s", provider.name, problem)
    return problem.sentence.replace("{}", provider.label)


def refuse(provider: Provider, begun: Begun, refusal: Exception) -> ResponseReturnValue:
    """Tell the user why an account of a provider is of no use here."""
    text = REFUSALS.get(type(refusal), str(refusal))
    flash(text.replace("{}", provider.label), "error")
    if isinstance(refusal, services.EmailHasAccount | services.EmailNotVerified):
        return redirect(url_for("account.login", next=url_for("account.linked_accounts")))
    return redirect(page_of(begun))


def page_of(begun: Begun) -> str:
    """Return the URL of the page on which a sign-in was begun."""
    purpose = ProviderPurpose(begun.purpose)
    wanted = None if purpose is ProviderPurpose.LINK else begun.to or None
    return url_for(PAGES[purpose], next=wanted)
