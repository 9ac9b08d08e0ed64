"""The client of OpenID Connect providers: Google, and those that the settings name by issuer.

OpenID Connect Core 1.0, and the best current practice of RFC 9700: the code flow with PKCE, state,
nonce, and the issuer in the answer (RFC 9207).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oidc.core import CodeIDToken
from flask import current_app
from joserfc import jwk, jws, jwt
from joserfc.errors import BadSignatureError, JoseError

from app.features.oauth.clients import email_in, names_in
from app.features.oauth.code_flow import CodeFlow
from app.features.oauth.models import LONGEST_SUBJECT
from app.features.oauth.providers import LEEWAY, Identity, ProviderProblem, same_scheme
from app.features.oauth.states import Begun

SCOPE = "openid email profile"
KEEP = 3600  # seconds for which the description and the keys of a provider are kept
KEPT = "descriptions_of_providers"  # key of app.extensions; each process has its own
# Signatures with a public key alone. An answer signed with the client secret, or not at all, is
# refused, whatever the provider says that it supports.
ALGORITHMS = frozenset(
    f"{kind}{size}" for kind in ("RS", "PS", "ES") for size in (256, 384, 512)
) | {"EdDSA", "Ed25519"}
FACTS = ("email", "email_verified", "given_name", "family_name", "name")
PRINTED = re.compile(r"[!-~]+")  # the characters of URLs
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenId(CodeFlow):
    """A conversation with an OpenID Connect provider."""

    def start(self, begun: Begun, *, is_fresh: bool) -> str:
        again = {"prompt": "login", "max_age": "0"}
        if not self.provider.asks_again:
            again = {"prompt": "select_account"}
        return self.url_to_sign_in(
            self.description()["authorization_endpoint"],
            begun,
            scope=SCOPE,
            nonce=begun.nonce,
            **(again if is_fresh else {}),
        )

    def identify(self, begun: Begun, answer: Mapping[str, str]) -> Identity:
        self._check_issuer_of(answer)
        token = self._exchange(self.code_of(answer), begun)
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderProblem("sent no ID token")
        claims = self._verified(id_token, access_token, begun)
        userinfo = self.description().get("userinfo_endpoint")
        if "email" not in claims and userinfo and isinstance(access_token, str):
            headers = {"Authorization": f"Bearer {access_token}"}
            found = self.ask(userinfo, headers=headers)
            if not isinstance(found, dict) or found.get("sub") != claims["sub"]:
                raise ProviderProblem("sent facts about another account")
            # The token did not mean the email that only the other answer has.
            claims = {name: claims[name] for name in claims if name != "email_verified"}
            claims = {name: found[name] for name in FACTS if name in found} | claims
        return self.identity(claims)

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Return the identity in claims that were verified."""
        amr, at = claims.get("amr"), claims.get("auth_time")
        return Identity(
            issuer=claims["iss"],
            subject=claims["sub"],
            email=email_in(claims.get("email")),
            is_email_verified=self.vouches_for_email(claims),
            has_several_factors=isinstance(amr, list) and "mfa" in amr,  # RFC 8176
            authenticated_at=at if isinstance(at, int | float) else None,
            **names_in(claims),
        )

    def vouches_for_email(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the provider says that the email is verified."""
        return claims.get("email_verified") is True

    def check(self) -> None:
        self.description()
        self._keys()

    # The description (OpenID Connect Discovery 1.0)

    def description(self) -> Mapping[str, Any]:
        """Return what the provider says about itself. It is kept for an hour."""
        url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        found: Mapping[str, Any] = self._kept(url, self._is_description)
        return found

    def _is_description(self, found: Any) -> bool:
        return (
            isinstance(found, dict)
            and self.is_own_issuer(found.get("issuer"))
            and all(self._is_endpoint(found.get(name)) for name in ENDPOINTS)
            and self._is_endpoint(found.get("userinfo_endpoint", self.provider.issuer))
        )

    def _is_endpoint(self, url: object) -> bool:
        try:
            is_url = isinstance(url, str) and PRINTED.fullmatch(url) is not None
            return is_url and same_scheme(str(url), self.provider.issuer)
        except ValueError:
            return False

    def is_own_issuer(self, issuer: object) -> bool:
        """Return whether the provider may call itself so."""
        return issuer == self.provider.issuer

    def issuer_of(self, _claims: Mapping[str, Any]) -> str:
        """Return the issuer that claims must have."""
        return self.provider.issuer

    def _kept(self, url: str, is_right: Any, *, anew: bool = False) -> Any:
        kept = current_app.extensions.setdefault(KEPT, {})
        key = f"{self.provider.name} {url}"
        at, found = kept.get(key, (0, None))
        if anew or found is None or time.monotonic() > at + KEEP:
            found = self.ask(url, headers={})
            if not is_right(found):
                raise ProviderProblem("sent a description that cannot be used")
            kept[key] = time.monotonic(), found
        return found

    # The answer

    def _check_issuer_of(self, answer: Mapping[str, str]) -> None:
        """Refuse an answer of another provider (RFC 9207)."""
        promised = self.description().get("authorization_response_iss_parameter_supported") is True
        if ("iss" in answer or promised) and not self.is_own_issuer(answer.get("iss")):
            raise ProviderProblem("answered with the issuer of another provider")

    def _exchange(self, code: str, begun: Begun) -> Mapping[str, Any]:
        methods = self.description().get("token_endpoint_auth_methods_supported")
        return self.tokens_for(
            code,
            begun,
            endpoint=self.description()["token_endpoint"],
            is_secret_in_form=isinstance(methods, list) and "client_secret_post" in methods,
        )

    def _verified(self, id_token: str, access_token: object, begun: Begun) -> dict[str, Any]:
        """Return the claims of an ID token that is signed, for us, for this sign-in, and valid."""
        try:
            token = self._decoded(id_token)
            self.check_key(token)
            options: dict[str, Any] = {
                "iss": {"essential": True, "value": self.issuer_of(token.claims)},
                "aud": {"essential": True, "value": self.provider.client_id},
            }
            given = {"nonce": begun.nonce, "client_id": self.provider.client_id}
            given |= {"access_token": access_token} if isinstance(access_token, str) else {}
            claims = CodeIDToken(token.claims, token.header, options, given)
            claims.validate(leeway=LEEWAY)
        except ProviderProblem:
            raise
        except JoseError as error:
            raise ProviderProblem(f"sent an ID token with {type(error).__name__}") from None
        except Exception as error:  # the libraries expect other types than a hostile provider sends
            raise ProviderProblem(f"sent an odd ID token ({type(error).__name__})") from None
        subject = token.claims["sub"]
        if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise ProviderProblem("sent an odd subject")
        return token.claims

    def _decoded(self, id_token: str) -> jwt.Token:
        header = jws.extract_compact(id_token.encode()).headers()
        keys = self.keys_for(header)
        if not keys:  # The provider may have changed them since.
            self._keys(anew=True)
            keys = self.keys_for(header)
        registry = jws.JWSRegistry(algorithms=sorted(ALGORITHMS), strict_check_header=False)
        problem: Exception = BadSignatureError()
        for key in keys:  # Another kind of key may have the same name, or the token names none.
            try:
                return jwt.decode(id_token, jwk.import_key(key), registry=registry)
            except (JoseError, ValueError) as error:
                problem = error
        raise problem

    def keys_for(self, header: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the public keys that may have signed a token with this header."""
        kid = header.get("kid")
        return [
            key
            for key in self._keys()["keys"]
            if isinstance(key, dict)
            and key.get("kty") in {"RSA", "EC", "OKP"}
            and key.get("use", "sig") == "sig"
            and (kid is None or key.get("kid") == kid)
        ]

    def check_key(self, token: jwt.Token) -> None:
        """Refuse a token whose key may not sign it."""

    def _keys(self, *, anew: bool = False) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._kept(
            self.description()["jwks_uri"],
            lambda found: isinstance(found, dict) and isinstance(found.get("keys"), list),
            anew=anew,
        )
        return found
