"""The pages of signing in by mail."""

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.account import account, limits
from app.account.responses import refuse_link
from app.decorators import anonymous_required
from app.features.magic_link import mailed_sign_ins
from app.features.magic_link.forms import AskForm, LinkForm, MailedCodeForm
from app.features.magic_link.mailed_sign_ins import MailRequest, OtherBrowser, WrongMailedCode
from app.kit.web.gates import open_to
from app.kit.web.redirects import next_url
from app.kit.web.sign_in import browser_marks
from app.kit.web.sign_in.second_steps import LONGEST_URL
from app.services.mailed_links import LinkRefused
from app.sign_in import sign_in

ASKED = "asked_for_sign_in_link"


def unless_off(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 404 while SIGN_IN_BY_MAIL is off."""

    @wraps(view)
    def guarded(**values: Any) -> Any:
        if not current_app.config["SIGN_IN_BY_MAIL"]:
            abort(404)
        return view(**values)

    return guarded


@account.route("/sign-in-by-mail", methods=["GET", "POST"])
@anonymous_required
@unless_off
@limits.mail_by_address
@open_to("impersonating")
def sign_in_by_mail() -> ResponseReturnValue:
    """Send a mail to sign in with. The answer is the same for known and unknown emails."""
    form = AskForm()
    if form.validate_on_submit():
        to = next_url(request.args.get("next"), "")
        asked = mailed_sign_ins.ask(
            form.email.data,
            remember=form.remember_me.data,
            to=to if len(to) <= LONGEST_URL else "",
            marks=browser_marks.read(),
        )
        session[ASKED] = asdict(asked)
        return redirect(url_for("account.sign_in_code"))
    return render_template("account/sign_in_by_mail.html", form=form)


@account.route("/sign-in-code", methods=["GET", "POST"])
@anonymous_required
@unless_off
@limits.sign_in_by_site
@open_to("impersonating")
def sign_in_code() -> ResponseReturnValue:
    """Ask for the code of the mail, in the browser that asked for it."""
    asked = _asked()
    if asked is None:
        return redirect(url_for("account.sign_in_by_mail"))
    form = MailedCodeForm()
    if form.validate_on_submit():
        try:
            user = mailed_sign_ins.use_code(asked, form.code.data, marks=browser_marks.read())
        except WrongMailedCode as error:
            if error.is_over:
                session.pop(ASKED)
                flash("That mail is no longer good. Ask for a new one.", "info")
                return redirect(url_for("account.sign_in_by_mail"))
            form.code.errors = ["This is not the code of the newest mail."]
        else:
            return sign_in(user, to=asked.to, remember=asked.remember, method="code by mail")
    return render_template("account/sign_in_code.html", form=form, email=asked.email)


@account.route("/sign-in-by-mail/<token:token>", methods=["GET", "POST"])
@anonymous_required
@unless_off
@limits.sign_in_by_site
@open_to("impersonating")
def sign_in_link(token: str) -> ResponseReturnValue:
    """Sign in with a mailed link. GET only shows the form, because mail scanners open links."""
    form, asked = LinkForm(), _asked()
    try:
        if asked is not None and form.validate_on_submit():
            user = mailed_sign_ins.use_link(token, asked)
            return sign_in(user, to=asked.to, remember=asked.remember, method="link by mail")
        user = mailed_sign_ins.find_link(token, asked)
    except OtherBrowser:
        return refuse_link(
            "Open this link where you asked for it",
            "It works only in the browser in which you asked to sign in. There you can also type "
            "the code of the mail.",
            "account.sign_in_by_mail",
            "Sign in here instead",
        )
    except LinkRefused:
        return refuse_link(
            "This link does not work",
            "It may have expired or been used, or your account has changed.",
            "account.sign_in_by_mail",
            "Get a new mail",
        )
    return render_template("account/sign_in_link.html", form=form, user=user)


def _asked() -> MailRequest | None:
    return MailRequest(**session[ASKED]) if ASKED in session else None
