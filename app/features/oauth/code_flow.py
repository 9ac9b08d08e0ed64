"""The authorization code flow with PKCE (RFC 6749, RFC 7636), in which all clients sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.features.oauth.clients import Client
from app.features.oauth.providers import ProviderProblem
from app.features.oauth.states import Begun

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class CodeFlow(Client):
    """A conversation with a provider that gives a code for a sign-in, and a token for the code."""

    def url_to_sign_in(self, endpoint: str, begun: Begun, *, scope: str, **more: str) -> str:
        url: str = prepare_grant_uri(
            endpoint,
            client_id=self.provider.client_id,
            response_type="code",
            redirect_uri=self.provider.callback,
            scope=scope,
            state=begun.state,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
            **more,
        )
        return url

    def tokens_for(
        self, code: str, begun: Begun, *, endpoint: str, is_secret_in_form: bool
    ) -> dict[str, Any]:
        """Return the tokens that the provider gives for a code.

        Raises ProviderAway and ProviderProblem.
        """
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self.provider.callback,
            code=code,
            code_verifier=begun.verifier,
        )
        client = self.provider.client_id, self.provider.client_secret
        auth = (
            ClientAuth(*client, "client_secret_post")
            if is_secret_in_form
            # RFC 6749, section 2.3.1: both are encoded first.
            else ClientAuth(*(quote(one, safe="") for one in client), "client_secret_basic")
        )
        url, headers, body = auth.prepare("POST", endpoint, dict(FORM), body)
        found = self.ask(url, data=body, headers=headers)
        if not isinstance(found, dict):
            raise ProviderProblem("sent no tokens")
        return found
