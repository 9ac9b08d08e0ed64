"""The providers that the settings name, and what a provider says about a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app

from app.features.oauth.models import LONGEST_ISSUER, LONGEST_PROVIDER
from app.kit.web.links import external_url
from config import ConfigurationError
from settings import urls

# The settings hold the providers under this key, by name. Templates and menus read it.
PROVIDERS = "SIGN_IN_PROVIDERS"
LONGEST_LABEL = 40
LEEWAY = 60  # seconds by which the clock of a provider may differ
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider, as it is in the settings. `kind` is openid, github or microsoft."""

    name: str
    label: str
    kind: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def asks_again(self) -> bool:
        """Whether the provider can be made to ask for the password again, and says when it did."""
        return self.kind != "github" and self.name != "google"

    @property
    def callback(self) -> str:
        """The URL to which the provider sends the browser back, which is registered there."""
        return external_url("account.answer_of_provider", provider=self.name)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The facts that a provider states about the user who signed in there."""

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    first_name: str = ""
    last_name: str = ""
    has_several_factors: bool = False
    authenticated_at: float | None = None
    """The time at which the provider asked the user to sign in, if it says so."""


class ProviderProblem(Exception):
    """A provider identified nobody. The message is for the log, and holds nothing that it sent."""

    sentence = "{} sent an answer that cannot be used. Try again, or sign in another way."


class ProviderAway(ProviderProblem):
    """A provider is down, slow, or answers with an error."""

    sentence = "{} does not answer at the moment. Try again in a minute, or sign in another way."


class Declined(ProviderProblem):
    """The user went back from the provider without signing in there."""

    sentence = "You did not sign in with {}. Try again, or sign in another way."


def configured() -> Mapping[str, Provider]:
    """Return the providers of the settings by name."""
    found: Mapping[str, Provider] = current_app.config[PROVIDERS]
    return found


def init_app(app: Flask) -> None:
    app.config[PROVIDERS] = {one.name: one for one in read(app.config)}


def read(config: Mapping[str, Any]) -> list[Provider]:
    """Return the providers of the settings. Raises ConfigurationError."""
    tenant = config["MICROSOFT_TENANT"].lower() or "common"
    fixed = {
        "google": ("Google", "openid", "https://accounts.google.com"),
        "github": ("GitHub", "github", "https://github.com"),
        "microsoft": ("Microsoft", "microsoft", f"https://login.microsoftonline.com/{tenant}/v2.0"),
    }
    found = [
        Provider(name=name, label=label, kind=kind, issuer=issuer, **_client(config, name.upper()))
        for name, (label, kind, issuer) in fixed.items()
        if config[f"{name.upper()}_CLIENT_ID"] or config[f"{name.upper()}_CLIENT_SECRET"]
    ]
    for name, group in config["OIDC_PROVIDERS"].items():
        prefix = f"OIDC_{name.upper().replace('-', '_')}"
        values = {f"{prefix}_{field}": value for field, value in group.items()}
        label = group["LABEL"] or name.replace("-", " ").capitalize()
        if name in fixed or len(name) > LONGEST_PROVIDER or len(label) > LONGEST_LABEL:
            raise ConfigurationError(
                f"OIDC_PROVIDERS must not name google, github or microsoft, which have settings of "
                f"their own, and a label has at most {LONGEST_LABEL} characters: change {name}."
            )
        issuer = _issuer(f"{prefix}_ISSUER", group["ISSUER"])
        client = _client(values, prefix)
        found.append(Provider(name=name, label=label, kind="openid", issuer=issuer, **client))
    return found


def _client(values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    client = {key: values[f"{prefix}_{key.upper()}"] for key in ("client_id", "client_secret")}
    if not all(client.values()):
        raise ConfigurationError(
            f"{prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET must be set together."
        )
    return client


def _issuer(name: str, text: str) -> str:
    """Return the URL of an issuer. Raises ConfigurationError."""
    parts = urls.parsed(text)
    is_local = parts.scheme == "http" and parts.hostname in LOOPBACK
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if not (parts.scheme == "https" or is_local) or not parts.hostname or not is_plain:
        raise ConfigurationError(f"{name} must be a URL like https://id.example.com.")
    if len(text) > LONGEST_ISSUER:
        raise ConfigurationError(f"{name} must have at most {LONGEST_ISSUER} characters.")
    return text


def same_scheme(url: str, issuer: str) -> bool:
    """Return whether a URL that an issuer names is as safe as that of the issuer itself."""
    parts = urlsplit(url)
    return bool(parts.hostname) and parts.scheme in {"https", urlsplit(issuer).scheme}
