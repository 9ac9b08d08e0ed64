"""Signing in and up, links from mails, and the pages on which people manage their account."""

from email_validator import EmailNotValidError
from flask import (
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app import passwords
from app.account import account
from app.account.forms import (
    ChangeEmailForm,
    ChangePasswordForm,
    ConfirmAccountForm,
    ConfirmEmailForm,
    CreatePasswordForm,
    LoginForm,
    ReauthenticateForm,
    RegistrationForm,
    RequestResetPasswordForm,
    ResetPasswordForm,
)
from app.decorators import anonymous_required
from app.extensions import limiter
from app.forms import stored_address
from app.models.user import EMAIL_LENGTH, User
from app.redirects import next_url
from app.services import accounts, sessions
from app.services.accounts import EmailTaken, LinkRefused, WrongPassword
from app.sign_in import sign_in, sign_out

LINK_SENT = (
    "A link is on its way to {}. If it does not arrive within a few minutes, look in the spam "
    "folder."
)


def _failed(response: object) -> bool:
    """Tell whether an attempt was refused: those that succeed send the browser elsewhere."""
    return getattr(response, "status_code", 200) < 300


def _account_key() -> str:
    typed = request.form.get("email", "")[: 2 * EMAIL_LENGTH]
    try:
        return "account:" + stored_address(typed)
    except EmailNotValidError:  # No account has it, so only the visitor's own attempts count.
        return f"visitor:{request.remote_addr}"


def _user_key() -> str:
    return f"user:{current_user.id}" if current_user.is_authenticated else "anonymous"


# Guesses are counted by address and by account (ASVS 5.0 6.3.1). A stranger can keep an owner
# waiting for a quarter of an hour at most, never lock them out.
limit_sign_in_by_address = limiter.limit(
    "30 per 15 minutes; 100 per hour", methods=["POST"], deduct_when=_failed
)
limit_sign_in_by_account = limiter.limit(
    "10 per 15 minutes", methods=["POST"], key_func=_account_key, deduct_when=_failed
)
limit_password_by_user = limiter.limit(
    "10 per 15 minutes", methods=["POST"], key_func=_user_key, deduct_when=_failed
)
limit_mail_by_address = limiter.limit("100 per hour", methods=["POST"])


@account.before_app_request
def keep_unconfirmed_users_waiting() -> ResponseReturnValue | None:
    """Let someone whose address is not confirmed reach only what they need to confirm it."""
    allowed = {"account.unconfirmed", "account.confirm", "account.confirm_request"}
    allowed |= {"account.logout", "main.healthz", "main.readyz", "static"}
    allowed |= {"account.reset_password", "account.join_from_invite"}
    if request.endpoint in allowed or (request.blueprint == "dev"):
        return None
    if current_user.is_authenticated and not current_user.confirmed:
        return redirect(url_for("account.unconfirmed"))
    return None


# Signing in, up and out


@account.route("/login", methods=["GET", "POST"])
@anonymous_required
@limit_sign_in_by_address
@limit_sign_in_by_account
def login() -> ResponseReturnValue:
    """Sign an existing user in."""
    form = LoginForm()
    if form.validate_on_submit():
        user = accounts.authenticate(form.email.data, form.password.data)
        if user is not None:
            sign_in(user, remember=form.remember_me.data)
            flash("You are signed in.", "success")
            return redirect(next_url(request.args.get("next"), _home(user)))
        flash("The email or the password is wrong.", "form-error")
    return render_template("account/login.html", form=form)


@account.post("/logout")
@login_required
def logout() -> ResponseReturnValue:
    sign_out()
    flash("You are signed out.", "info")
    return redirect(url_for("main.index"))


@account.route("/register", methods=["GET", "POST"])
@anonymous_required
@limit_mail_by_address
def register() -> ResponseReturnValue:
    """Create an account and send its confirmation link."""
    form = RegistrationForm()
    if form.validate_on_submit():
        try:
            accounts.register(
                first_name=form.first_name.data,
                last_name=form.last_name.data,
                email=form.email.data,
                password=form.password.data,
            )
        except passwords.WeakPassword as error:
            form.password.errors = [str(error)]
        else:
            flash(LINK_SENT.format(form.email.data), "info")
            return redirect(url_for("account.login"))
    return render_template("account/register.html", form=form)


@account.post("/check-password")
@limiter.limit("120 per minute")
def check_password() -> ResponseReturnValue:
    """Say how strong a password is, by the rule that decides when it is sent in earnest."""
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # thousands of brackets
        sent = None
    if not isinstance(sent, dict):
        abort(400)
    password = str(sent.get("password", ""))[: 2 * passwords.MAX_LENGTH]
    names = ("first_name", "last_name", "email")
    person = {name: str(sent.get(name, ""))[:254] for name in names}
    if current_user.is_authenticated:
        person |= {name: getattr(current_user, name) for name in names}
    score, _reason = passwords.strength(
        password, [current_app.config["APP_NAME"], *person.values()]
    )
    try:
        accounts.require_strong_password(password, **person)
    except passwords.WeakPassword as error:
        return {"score": score, "acceptable": False, "message": str(error)}
    return {"score": score, "acceptable": True, "message": "This password is strong enough."}


# One's own account


@account.get("/manage/info")
@account.get("/manage")
@login_required
def manage() -> ResponseReturnValue:
    return render_template("account/manage.html", user=current_user)


@account.route("/manage/change-password", methods=["GET", "POST"])
@login_required
@limit_password_by_user
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other browser is signed out."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        try:
            accounts.change_password(
                _me(),
                old=form.old_password.data,
                new=form.new_password.data,
                keep=current_user.session,
            )
        except WrongPassword:
            form.old_password.errors = ["This is not your password."]
        except passwords.WeakPassword as error:
            form.new_password.errors = [str(error)]
        else:
            flash("Your password is changed. Other devices are signed out.", "success")
            return redirect(url_for("account.manage"))
    return render_template("account/change_password.html", form=form)


@account.route("/manage/change-email", methods=["GET", "POST"])
@login_required
@limit_password_by_user
def change_email_request() -> ResponseReturnValue:
    """Ask for another address, which counts once its link is followed."""
    form = ChangeEmailForm()
    if form.validate_on_submit():
        try:
            accounts.request_email_change(
                _me(), new_email=form.email.data, password=form.password.data
            )
        except WrongPassword:
            form.password.errors = ["This is not your password."]
        else:
            flash(LINK_SENT.format(form.email.data), "info")
            return redirect(url_for("account.manage"))
    return render_template("account/change_email_request.html", form=form)


@account.post("/manage/change-email/cancel")
@login_required
def cancel_email_change() -> ResponseReturnValue:
    accounts.cancel_email_change(_me())
    flash("Your address stays as it is.", "success")
    return redirect(url_for("account.manage"))


@account.route("/manage/change-email/<token>", methods=["GET", "POST"])
@login_required
def change_email(token: str) -> ResponseReturnValue:
    """Take the new address: GET asks, POST does it."""
    form = ConfirmEmailForm()
    try:
        owner = accounts.find_by_token("change_email", token)
        if owner.id != current_user.id:
            raise LinkRefused
        if form.validate_on_submit():
            accounts.change_email(_me(), token)
            flash("Your address is changed.", "success")
            return redirect(url_for("account.manage"))
    except LinkRefused:
        return _refuse_link(
            "This link to a new address does not work",
            "It may have expired or been used. Ask for the change again to get a new one.",
            "account.change_email_request",
            "Change email",
        )
    except EmailTaken:
        flash("Someone else has this address by now. Yours is not changed.", "error")
        return redirect(url_for("account.change_email_request"))
    return _token_page("account/change_email.html", form=form, new_email=current_user.pending_email)


@account.route("/reauthenticate", methods=["GET", "POST"])
@login_required
@limit_password_by_user
def reauthenticate() -> ResponseReturnValue:
    """Ask for the password again before a grave deed."""
    form = ReauthenticateForm()
    if form.validate_on_submit():
        if accounts.authenticate(current_user.email, form.password.data) is not None:
            sessions.confirm_password(current_user.session)
            return redirect(next_url(request.args.get("next"), url_for("main.index")))
        form.password.errors = ["This is not your password."]
    return render_template("account/reauthenticate.html", form=form)


# Links from mails


@account.get("/unconfirmed")
@login_required
def unconfirmed() -> ResponseReturnValue:
    """The page on which everyone lands whose address is not confirmed."""
    if current_user.confirmed:
        return redirect(url_for("main.index"))
    return render_template("account/unconfirmed.html")


@account.post("/confirm-account")
@login_required
@limit_mail_by_address
def confirm_request() -> ResponseReturnValue:
    """Send the confirmation link again."""
    if current_user.confirmed:
        return redirect(url_for("main.index"))
    accounts.resend_confirmation(_me())
    flash(LINK_SENT.format(current_user.email), "info")
    return redirect(url_for("account.unconfirmed"))


@account.route("/confirm-account/<token>", methods=["GET", "POST"])
def confirm(token: str) -> ResponseReturnValue:
    """Confirm an account: GET asks, POST does it. Whoever is signed in stays who they are."""
    form = ConfirmAccountForm()
    try:
        user = accounts.find_by_token("confirm", token)
        if form.validate_on_submit():
            accounts.confirm(token)
            flash("Your account is confirmed.", "success")
            signed_in = current_user.is_authenticated
            return redirect(url_for("main.index" if signed_in else "account.login"))
    except LinkRefused:
        return _refuse_link(
            "This confirmation link does not work",
            "It may have expired or been used. If your account is not confirmed yet, sign in to "
            "get a new link.",
            "account.login",
            "Sign in",
        )
    return _token_page("account/confirm.html", form=form, email=user.email)


@account.route("/reset-password", methods=["GET", "POST"])
@anonymous_required
@limit_mail_by_address
def reset_password_request() -> ResponseReturnValue:
    """Send a link to choose a new password; known and unknown addresses look alike."""
    form = RequestResetPasswordForm()
    if form.validate_on_submit():
        accounts.request_password_reset(form.email.data)
        flash(f"If {form.email.data} has an account, a link is on its way to it.", "info")
        return redirect(url_for("account.login"))
    return render_template("account/reset_password_request.html", form=form)


@account.route("/reset-password/<token>", methods=["GET", "POST"])
@anonymous_required
def reset_password(token: str) -> ResponseReturnValue:
    """Set a new password by a link. It does not sign anyone in."""
    form = ResetPasswordForm()
    try:
        accounts.find_by_token("reset_password", token)
        if form.validate_on_submit():
            accounts.reset_password(token, form.new_password.data)
            flash("Your password is changed. Sign in with the new one.", "success")
            return redirect(url_for("account.login"))
    except passwords.WeakPassword as error:
        form.new_password.errors = [str(error)]
    except LinkRefused:
        return _refuse_link(
            "This reset link does not work",
            "It may have expired or been used, or a newer one was sent.",
            "account.reset_password_request",
            "Get a new link",
        )
    return _token_page("account/reset_password.html", form=form)


@account.route("/join-from-invite/<int:user_id>/<token>", methods=["GET", "POST"])
@anonymous_required
def join_from_invite(user_id: int, token: str) -> ResponseReturnValue:
    """Choose a password and so accept an invitation."""
    form = CreatePasswordForm()
    try:
        user = accounts.find_by_token("invite", token)
        if user.id != user_id:
            raise LinkRefused
        if form.validate_on_submit():
            accounts.join_from_invite(user_id, token, form.password.data)
            flash("Your password is set. Sign in with it.", "success")
            return redirect(url_for("account.login"))
    except passwords.WeakPassword as error:
        form.password.errors = [str(error)]
    except LinkRefused:
        return _refuse_link(
            "This invitation does not work",
            "It may have expired or been used. Ask whoever invited you to send it again.",
            "account.login",
            "Sign in",
        )
    return _token_page("account/join_from_invite.html", form=form, user=user)


def _me() -> User:
    """Return the signed-in user themselves, not Flask-Login's stand-in for them."""
    user: User = current_user._get_current_object()
    return user


def _home(user: User) -> str:
    """Return the address of the page where people with the user's role begin."""
    endpoint = f"{user.role.index}.index" if user.role else ""
    return url_for(endpoint if endpoint in current_app.view_functions else "main.index")


def _token_page(template: str, **context: object) -> ResponseReturnValue:
    """Render a page whose address is a secret: no referrer, no copy kept (ASVS 5.0 14.2.1)."""
    response = make_response(render_template(template, action=request.path, **context))
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse_link(title: str, advice: str, endpoint: str, label: str) -> ResponseReturnValue:
    """Answer a link that cannot be used: expired, used, superseded and invented look the same."""
    page = render_template(
        "account/invalid_link.html",
        title=title,
        advice=advice,
        action_url=url_for(endpoint),
        action_label=label,
    )
    return page, 404, {"Referrer-Policy": "no-referrer"}
