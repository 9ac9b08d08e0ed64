"""The client of Microsoft Entra, whose description stands for many tenants.

An administrator of any tenant can give its users any email. So an account is found by issuer and
subject alone, and an email counts as verified only if Microsoft vouches for its domain (nOAuth).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from joserfc import jwt

from app.features.oauth.openid import OpenId
from app.features.oauth.providers import ProviderProblem

ANY_TENANT = "{tenantid}"
PRIVATE = "9188040d-6c67-4c5b-b112-36a304b66dad"  # the tenant of all private accounts
TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Microsoft(OpenId):
    """A conversation with Microsoft Entra."""

    def is_own_issuer(self, issuer: object) -> bool:
        if issuer == self.provider.issuer:
            return True
        if not isinstance(issuer, str):
            return False
        # The description names tenants by id, or all of them by {tenantid}.
        base, _, _ = self.provider.issuer.removesuffix("/v2.0").rpartition("/")
        is_named = TENANT.fullmatch(self.provider.issuer.split("/")[-2]) is not None
        tenant = issuer.removeprefix(f"{base}/").removesuffix("/v2.0")
        is_of_a_tenant = tenant == ANY_TENANT or TENANT.fullmatch(tenant) is not None
        return not is_named and is_of_a_tenant and issuer == f"{base}/{tenant}/v2.0"

    def issuer_of(self, claims: Mapping[str, Any]) -> str:
        return self._with_tenant(self.description()["issuer"], claims)

    def check_key(self, token: jwt.Token) -> None:
        """Refuse a key of another issuer, which signs for private accounts only, for example."""
        for key in self.keys_for(token.header):
            issuer = key.get("issuer")
            own = self._with_tenant(issuer, token.claims) if isinstance(issuer, str) else None
            if own not in (None, token.claims.get("iss")):
                raise ProviderProblem("signed with the key of another tenant")

    def vouches_for_email(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the owner of the email's domain has verified it (optional claim)."""
        return claims.get("xms_edov") in (True, "1", "true")

    def _with_tenant(self, issuer: str, claims: Mapping[str, Any]) -> str:
        tenant = claims.get("tid")
        if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            raise ProviderProblem("sent a token without a tenant")
        if tenant == PRIVATE and self.provider.issuer.endswith("/organizations/v2.0"):
            raise ProviderProblem("sent a token of a private account")
        return issuer.replace(ANY_TENANT, tenant)
