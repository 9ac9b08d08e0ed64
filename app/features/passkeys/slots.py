"""Plug passkeys into signing in, and into the pages of users."""

from typing import Any

from flask import Flask
from sqlalchemy import ColumnElement, exists

from app.features.passkeys import browser, services
from app.features.passkeys.models import Passkey
from app.kit import slots
from app.kit.web.sign_in.second_steps import second_step
from app.models import User

PAGE = "account.use_passkey"
LABEL = "Use a passkey"

slots.account_row("partials/_passkeys.html")
slots.sign_in_part("partials/_passkey_sign_in.html", order=20)
slots.register_part("partials/_passkey_register.html", order=20)
slots.confirm_part("partials/_passkey_confirm.html", order=20)


def init_app(app: Flask) -> None:
    app.jinja_env.globals["passkey_problem"] = browser.problem


@slots.fresh_sign_in_part("partials/_passkey_fresh_sign_in.html", order=20)
def offer_fresh_sign_in(user: User, _by: User) -> slots.Values | None:
    return {} if services.has_any(user) else None


@slots.sign_in_method(services.METHOD)
def has_passkey(user_id: Any) -> ColumnElement[bool]:
    return exists().where(Passkey.user_id == user_id)


# One page, asked for by itself if the user has chosen so. Otherwise it is a link on the pages of
# other methods.
@second_step(PAGE, LABEL, order=30)
def is_asked(user: User, _method: str) -> bool:
    return services.is_asked_after_password(user)


@second_step(PAGE, LABEL, order=30, is_asked=False)
def is_offered(user: User, _method: str) -> bool:
    return services.has_any(user) and not services.is_asked_after_password(user)


@slots.own_data("passkeys")
def facts_of(user: User) -> dict[str, Any] | None:
    names = ("name", "transports", "aaguid", "is_backed_up", "created_at", "last_used_at")
    found = [{name: getattr(one, name) for name in names} for one in services.of_user(user)]
    is_asked = services.is_asked_after_password(user)
    return {"asked_after_password": is_asked, "passkeys": found} if found else None


@slots.user_action(
    "admin.reset_passkeys",
    "Remove all",
    place="access",
    order=65,
    heading="Passkeys",
    text="For users who have lost the devices with their passkeys.",
    hidden="passkeys",
)
def may_reset(user: User, _by: User) -> bool:
    return services.has_any(user)
