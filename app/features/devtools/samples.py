"""What the gallery shows messages with: people who do not exist, and links that are dead.

A message that is added to app.emails needs its values here too.
"""

from __future__ import annotations

from app.emails import Values
from app.kit.web.links import external_url
from app.models import Role, User

# Long, as real ones are, so that a mail is seen to cope with them.
TOKEN = f"this-link-is-dead.{'0123456789abcdef' * 4}"


def values(name: str) -> Values | None:
    """Return what the templates of the message called `name` are given, or None if unknown here."""
    ada = _person("Ada", "Lovelace", confirmed=True)
    new = _person("Grace", "Hopper", confirmed=False)
    login_link = external_url("account.login")
    reset_link = external_url("account.reset_password_request")
    pages = {"login_link": login_link, "reset_link": reset_link}
    samples: dict[str, Values] = {
        "confirm": {"user": new, "link": _link("account.confirm"), "expires": "7 days"},
        "change_email": {
            "user": ada,
            "link": _link("account.change_email"),
            "expires": "1 hour",
            "new_email": "ada@new.example.com",
        },
        "reset_password": {
            "user": ada,
            "link": _link("account.reset_password"),
            "expires": "1 hour",
        },
        "invite": {
            "user": new,
            "link": _link("account.join_from_invite", user_id=7),
            "expires": "7 days",
            "invited_by": ada.full_name(),
        },
        "already_registered": {"user": ada, **pages},
        "account_created": {"user": ada, **pages},
        "email_change_requested": {"user": ada, "new_email": "ada@new.example.com", **pages},
        "email_changed": {
            "user": ada,
            "old_email": "ada@example.com",
            "new_email": "ada@new.example.com",
        },
        "password_changed": {"user": ada, "when": "9 March 2031 at 14:05 UTC", **pages},
        "role_changed": {"user": ada, "role_name": "Administrator", **pages},
        "account_deleted": {"user": None, "name": ada.full_name(), "until": "8 April 2031"},
        "account_restored": {"user": ada, **pages},
        "address_reserved": {"user": ada, "until": "8 April 2031"},
        "password_change_required": {"user": ada, **pages},
        "account_suspended": {"user": ada},
        "account_reactivated": {"user": ada, **pages},
    }
    return samples.get(name)


def _person(first_name: str, last_name: str, *, confirmed: bool) -> User:
    """Return someone whom the database does not get to see."""
    return User(
        first_name=first_name,
        last_name=last_name,
        email=f"{first_name.lower()}@example.com",
        role=Role(name="User", permissions=1),
        confirmed=confirmed,
        password_hash="x",  # noqa: S106 - nobody signs in with it
    )


def _link(endpoint: str, **values: int) -> str:
    return external_url(endpoint, token=TOKEN, **values)
