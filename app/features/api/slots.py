"""Plug API tokens into the pages of users, and into the own data."""

from collections.abc import Sequence
from typing import Any

from flask import has_request_context, request

from app.features.api import tokens
from app.features.api.models import ApiToken, TokenKind
from app.kit import slots
from app.kit.database.restored import ends_with_restore
from app.models import Permission, User
from app.services import sessions

slots.account_row("partials/_api_tokens.html")
slots.sign_out_part("partials/_end_api_tokens.html")
# A program stands for a session by such a token, as a browser does by its cookie.
ends_with_restore(ApiToken, where=f"kind = '{TokenKind.SHORT_LIVED}'")


def end_if_chosen(user_ids: Sequence[int]) -> None:
    """Revoke all tokens if the user ticked the box of the form that signs them out elsewhere."""
    if has_request_context() and request.form.get("end_api_tokens"):
        tokens.end_all(user_ids)


sessions.BEFORE_OTHERS_END.append(end_if_chosen)


@slots.user_panel("partials/_user_api_tokens.html", order=40)
def tokens_of(user: User, by: User) -> slots.Values | None:
    found = tokens.live_of(user)
    return {"tokens": found, "may_revoke": tokens.may_revoke(user, by)} if found else None


@slots.user_action("admin.revoke_user_api_tokens", "Revoke all", skips_self=False)
def may_revoke(_user: User, _by: User) -> bool:
    return True


@slots.own_data("api_tokens")
def facts_of(user: User) -> list[dict[str, Any]] | None:
    """Return the names, permissions and times of tokens, and nothing secret."""
    return [_facts(one) for one in tokens.of_user(user)] or None


def _facts(token: ApiToken) -> dict[str, Any]:
    times = ("created_at", "expires_at", "last_used_at", "last_used_address", "revoked_at")
    facts = {name: getattr(token, name) for name in ("name", "kind", "access", *times)}
    return facts | {"scopes": Permission.names(token.scopes)}
