"""Plug second factors into signing in, the pages of users and roles, and the own data."""

from collections.abc import Callable
from typing import Any

from app.features.two_factor import codes, devices, recovery, services, totp
from app.features.two_factor.codes import NotEnabled, WrongCode
from app.features.two_factor.models import TrustedDevice, is_demanded_of
from app.kit import slots
from app.kit.database.restored import ends_with_restore
from app.kit.doctor import Finding, doctor_check
from app.kit.web.sign_in.second_steps import second_step
from app.models import Role, User
from app.services import policy

slots.account_row("partials/_two_factor.html")
ends_with_restore(TrustedDevice)


def use_code_of_app(user: User, code: str) -> bool:
    return totp.is_code(code) and _is_used_up(codes.use_code, user, code)


def use_recovery_code(user: User, code: str) -> bool:
    return not totp.is_code(code) and _is_used_up(codes.use_recovery_code, user, code)


def _is_used_up(use: Callable[..., None], user: User, code: str) -> bool:
    """Use up a code that a program sent, and tell whether it was right."""
    try:
        use(user, code, is_known=False)
    except (WrongCode, NotEnabled):
        return False
    return True


@second_step("account.enter_code", "Use a code from your app", order=20, use_code=use_code_of_app)
def has_app(user: User, _method: str) -> bool:
    return services.is_enabled(user)


@second_step(
    "account.enter_recovery_code",
    "Use a recovery code",
    order=90,
    is_asked=False,
    use_code=use_recovery_code,
)
def has_recovery_code(user: User, _method: str) -> bool:
    return recovery.count(user.id) > 0


@slots.own_data("two_factor")
def facts_of(user: User) -> dict[str, Any] | None:
    """Return when an app was set up and which browsers are trusted, and nothing secret."""
    secret, codes_left = services.secret_of(user), recovery.count(user.id)
    names = ("device", "created_at", "expires_at")
    browsers = [{name: getattr(one, name) for name in names} for one in devices.of_user(user)]
    if secret is None:
        return None
    facts = {"set_up_at": secret.created_at, "recovery_codes_left": codes_left}
    return facts | {"trusted_browsers": browsers}


@slots.user_action(
    "admin.reset_two_factor",
    "Reset",
    place="access",
    order=60,
    heading="Second factor",
    text="For users who have lost their phone and their recovery codes.",
    hidden="the second factor",
)
def may_reset(user: User, _by: User) -> bool:
    return services.is_enabled(user)


@slots.role_panel("partials/_role_two_factor.html")
def demand_of_role(role: Role, by: User) -> slots.Values:
    return {
        "is_demanded": is_demanded_of(role),
        "may_change": policy.may_grant(by, role.permissions),
    }


@doctor_check("two-factor secrets")
def can_be_decrypted() -> Finding | None:
    unreadable = services.count_unreadable()
    if not unreadable:
        return None
    return Finding(
        f"The second factor of {unreadable} users cannot be checked: no key decrypts it.",
        "Name the former SECRET_KEY in SECRET_KEY_FALLBACKS, or reset these users "
        "(reset_two_factor).",
    )
