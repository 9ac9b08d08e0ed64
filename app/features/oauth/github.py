"""The client of GitHub, which has OAuth 2.0 with PKCE, but no OpenID Connect.

The provider has a URL of its own to which it sends browsers back, so no other provider can answer
in its place (RFC 9700, section 4.4.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.features.oauth.clients import email_in, names_in
from app.features.oauth.code_flow import CodeFlow
from app.features.oauth.providers import Identity, ProviderProblem
from app.features.oauth.states import Begun

API = "https://api.github.com"
SCOPE = "user:email"


class GitHub(CodeFlow):
    """A conversation with GitHub."""

    def start(self, begun: Begun, *, is_fresh: bool) -> str:
        return self.url_to_sign_in(
            f"{self.provider.issuer}/login/oauth/authorize",
            begun,
            scope=SCOPE,
            **({"prompt": "select_account"} if is_fresh else {}),
        )

    def identify(self, begun: Begun, answer: Mapping[str, str]) -> Identity:
        endpoint = f"{self.provider.issuer}/login/oauth/access_token"
        found = self.tokens_for(
            self.code_of(answer), begun, endpoint=endpoint, is_secret_in_form=True
        )
        token = found.get("access_token")
        if not isinstance(token, str):  # GitHub sends its errors with status 200.
            raise ProviderProblem("sent no access token")
        user = self._api("/user", token)
        number = user.get("id") if isinstance(user, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
            raise ProviderProblem("sent no id of the user")
        email, is_verified = _primary(self._api("/user/emails", token))
        return Identity(
            issuer=self.provider.issuer,
            subject=str(number),
            email=email,
            is_email_verified=is_verified,
            **names_in(user),
        )

    def _api(self, path: str, token: str) -> Any:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return self.ask(API + path, headers=headers)


def _primary(found: object) -> tuple[str, bool]:
    """Return the primary email of a user, and whether GitHub has verified it."""
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and one.get("primary") is True:
            return email_in(one.get("email")), one.get("verified") is True
    return "", False
