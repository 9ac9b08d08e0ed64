"""Send a browser to a provider, and ask it who signed in: the part that all clients share."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError

from app.features.oauth.providers import (
    Declined,
    Identity,
    Provider,
    ProviderAway,
    ProviderProblem,
)
from app.features.oauth.states import Begun
from app.kit import name_rule, names, outages, user_input
from app.kit.fetching import ServerAway, fetch
from app.kit.names import NAME_LENGTH

SECONDS = 8.0  # for all requests to a provider that one page waits for
LONGEST_ANSWER = 256 * 1024  # bytes; Microsoft's keys have some 10 KB
PAUSE = 20  # seconds without a request after a failure, so that few visitors wait

# RFC 6749, section 4.1.2.1, and OpenID Connect Core 1.0, section 3.1.2.6
WENT_BACK = {"access_denied", "consent_required", "interaction_required", "login_required"}


class Client(ABC):
    """A conversation with a provider for one page. Its time ends SECONDS after it begins."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.ends = time.monotonic() + SECONDS

    @abstractmethod
    def start(self, begun: Begun, *, is_fresh: bool) -> str:
        """Return the URL at the provider that asks the user to sign in, again if `is_fresh`."""

    @abstractmethod
    def identify(self, begun: Begun, answer: Mapping[str, str]) -> Identity:
        """Return who signed in. `answer` is the query with which the provider sent them back."""

    def check(self) -> None:  # noqa: B027 - only some providers have a page to check
        """Ask the provider for its description, for `doctor`."""

    def code_of(self, answer: Mapping[str, str]) -> str:
        """Return the code of an answer, or raise Declined or ProviderProblem."""
        if error := answer.get("error"):
            if error in WENT_BACK:
                raise Declined("the user went back")
            raise ProviderProblem("answered with an error")
        if not answer.get("code"):
            raise ProviderProblem("answered without a code")
        return answer["code"]

    def ask(self, url: str, *, data: str | None = None, headers: Mapping[str, str]) -> Any:
        """Return the JSON that the provider answers. Raises ProviderAway and ProviderProblem.

        After a failure, the provider is not asked for a while, so that a slow provider does not
        keep all threads of the server waiting.
        """
        server = f"{self.provider.name} {url}"
        if outages.is_noted(server):
            raise ProviderAway("is not asked for a while after a failure")
        left = self.ends - time.monotonic()
        try:
            if left <= 0:
                raise ServerAway("took too long")
            headers = {"Accept": "application/json"} | dict(headers)
            found = fetch(url, seconds=left, most=LONGEST_ANSWER, data=data, headers=headers)
            if found.status >= 500 or found.status == 429:
                raise ServerAway(f"answered with status {found.status}")
        except ServerAway as failure:
            outages.note(server, seconds=PAUSE)
            raise ProviderAway(str(failure)) from None
        if found.status != 200:
            raise ProviderProblem(f"answered with status {found.status}")
        try:
            return json.loads(found.body)
        except (ValueError, RecursionError):
            raise ProviderProblem("sent something else than JSON") from None


def email_in(value: object) -> str:
    """Return an email that a provider sent, as it is stored, or "" for anything else."""
    try:
        return user_input.normalised_email(value) if isinstance(value, str) else ""
    except (EmailNotValidError, ValueError):
        return ""


def names_in(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first and the last name that a provider sent, without what is no name."""
    first, last = claims.get("given_name"), claims.get("family_name")
    whole = claims.get("name")
    if not first and not last and isinstance(whole, str):
        first, _, last = whole.strip().rpartition(" ")
    return {"first_name": _name(first), "last_name": _name(last)}


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        return ""
    name = names.normalise(value.strip())
    return name if name_rule.is_name(name) and not name_rule.holds_link(name) else ""
