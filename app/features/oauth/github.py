"""The client of GitHub, which has OAuth 2.0 with PKCE, but no OpenID Connect.

The provider has a URL of its own to which it sends browsers back, so no other provider can answer
in its place (RFC 9700, section 4.4.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.features.oauth.clients import Client, email_in, names_in
from app.features.oauth.openid import FORM
from app.features.oauth.providers import Identity, ProviderProblem
from app.features.oauth.states import Begun

API = "https://api.github.com"
SCOPE = "user:email"


class GitHub(Client):
    """A conversation with GitHub."""

    def start(self, begun: Begun, *, is_fresh: bool) -> str:
        url: str = prepare_grant_uri(
            f"{self.provider.issuer}/login/oauth/authorize",
            client_id=self.provider.client_id,
            response_type="code",
            redirect_uri=self.provider.callback,
            scope=SCOPE,
            state=begun.state,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
            **({"prompt": "select_account"} if is_fresh else {}),
        )
        return url

    def identify(self, begun: Begun, answer: Mapping[str, str]) -> Identity:
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self.provider.callback,
            code=self.code_of(answer),
            code_verifier=begun.verifier,
        )
        auth = ClientAuth(
            self.provider.client_id, self.provider.client_secret, "client_secret_post"
        )
        url = f"{self.provider.issuer}/login/oauth/access_token"
        url, headers, body = auth.prepare("POST", url, dict(FORM), body)
        found = self.ask(url, data=body, headers=headers)
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str):  # GitHub sends its errors with status 200.
            raise ProviderProblem("sent no access token")
        user = self._api("/user", token)
        number = user.get("id") if isinstance(user, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
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
