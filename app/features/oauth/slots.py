"""Plug providers into signing in, and linked accounts into the pages of users."""

from typing import Any

from flask import Flask, current_app
from sqlalchemy import ColumnElement, exists

from app.features.oauth import providers, services
from app.features.oauth.client_kinds import client_of
from app.features.oauth.models import LinkedAccount
from app.kit import slots
from app.kit.doctor import Finding, doctor_check
from app.models import User


def init_app(app: Flask) -> None:
    providers.init_app(app)


def is_on() -> bool:
    return bool(current_app.config[providers.PROVIDERS])


slots.account_row("partials/_linked_accounts.html")
slots.sign_in_part("partials/_sign_in_with.html", order=10, is_shown=is_on)
slots.register_part("partials/_register_with.html", order=10, is_shown=is_on)


@slots.fresh_sign_in_part("partials/_reauthenticate_with.html", order=10)
def offer_fresh_sign_in(user: User, _by: User) -> slots.Values | None:
    if not is_on():
        return None
    names = {one.provider for one in services.usable(services.of_user(user))}
    known = [one for name, one in providers.configured().items() if name in names]
    offered = [one for one in known if services.may_confirm(user, one)]
    return {"providers": offered} if offered else None


@slots.sign_in_method(services.METHOD)
def has_linked_account(user_id: Any) -> ColumnElement[bool]:
    is_theirs = LinkedAccount.user_id == user_id
    return exists().where(is_theirs, LinkedAccount.provider.in_(providers.configured()))


@slots.user_panel("partials/_user_linked_accounts.html", order=30)
def linked_accounts_of(user: User, _by: User) -> slots.Values | None:
    accounts = services.of_user(user) if is_on() else []
    return {"accounts": [(services.label_of(one), one) for one in accounts]} if accounts else None


@slots.user_action(
    "admin.unlink_accounts",
    "Unlink all",
    place="access",
    order=66,
    heading="Linked accounts",
    text="With which they sign in at other providers.",
    hidden="linked accounts",
)
def may_unlink(user: User, _by: User) -> bool:
    return is_on() and bool(services.of_user(user))


@slots.own_data("linked_accounts")
def own_linked_accounts(user: User) -> list[dict[str, Any]]:
    names = ("provider", "issuer", "subject", "email", "created_at", "last_used_at")
    return [{name: getattr(one, name) for name in names} for one in services.of_user(user)]


@doctor_check("sign-in providers")
def providers_answer() -> Finding | None:
    for provider in providers.configured().values():
        try:
            client_of(provider).check()
        except providers.ProviderProblem as problem:
            return Finding(
                f"Nobody can sign in with {provider.label}: it {problem}.",
                f"Check the settings of {provider.name}, and that this server reaches "
                f"{provider.issuer}.",
            )
    return None
