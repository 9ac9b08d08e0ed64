"""Choose the client of a provider by its kind."""

from __future__ import annotations

from app.features.oauth.clients import Client
from app.features.oauth.providers import Provider


def client_of(provider: Provider) -> Client:
    """Return a client for one page.

    The clients are imported here, because Authlib takes half a second at the start of an app, which
    may have no provider.
    """
    from app.features.oauth import github, microsoft, openid  # slow, see above

    kinds: dict[str, type[Client]] = {
        "github": github.GitHub,
        "microsoft": microsoft.Microsoft,
        "openid": openid.OpenId,
    }
    return kinds[provider.kind](provider)
