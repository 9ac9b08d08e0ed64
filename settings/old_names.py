"""Accept the settings' names of flask-base, and warn about the names that replace them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from settings.normalise import in_quotes

SENDER = ("MAIL_NAME", "MAIL_ADDRESS")
MAILGUN = ("MAIL_DOMAIN", "MAIL_KEY")
REDIS = ("RQ_DEFAULT_HOST", "RQ_DEFAULT_PORT", "RQ_DEFAULT_PASSWORD", "RQ_DEFAULT_DB")
QUEUE = "RQ_DEFAULT_URL"
# These loaded scripts of other sites, which the content security policy refuses.
GONE = ("GOOGLE_ANALYTICS_ID", "SEGMENT_API_KEY")
# The file in which flask-base kept its settings. `settings.reader` reads it before `.env`.
OLD_FILE = "config.env"
OLD_FILE_IS_READ = f"{OLD_FILE}: read. Move its lines to .env, which wins, and delete it."
OLD_NAMES = frozenset((*SENDER, *MAILGUN, *REDIS, QUEUE, *GONE))

MAILGUN_SERVER = "smtp.mailgun.org"


@dataclass
class _Translation:
    """The settings under their old names, those that replace them, and sentences about both."""

    variables: Mapping[str, str]
    found: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def value(self, name: str) -> str:
        return (self.variables.get(name) or "").strip()

    def given(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.value(name)]

    def is_replaced(self, old: Iterable[str], *new: str) -> bool:
        """Tell whether the new name is set as well. If so, it counts, and a note says so."""
        if taken := self.given(new):
            self.note(old, f"not read, because {taken[0]} is set. Remove the old name.")
        return bool(taken)

    def note(self, old: Iterable[str], text: str) -> None:
        self.notes.append(f"{', '.join(old)}: {text}")


def translated(variables: Mapping[str, str]) -> tuple[Mapping[str, str], list[str]]:
    """Return the variables with the names of today, and a sentence about each old name.

    A name of today wins. The sentences contain no password.
    """
    if OLD_NAMES.isdisjoint(variables.keys()):
        return variables, []
    translation = _Translation(variables)
    for translate in (_sender, _mailgun, _redis, _gone):
        translate(translation)
    return {**variables, **translation.found}, translation.notes


def _sender(old: _Translation) -> None:
    names = old.given(SENDER)
    if not names or old.is_replaced(names, "MAIL_DEFAULT_SENDER"):
        return
    name, email = map(old.value, SENDER)
    if not email:
        old.note(names, "not read without MAIL_ADDRESS. Set MAIL_DEFAULT_SENDER='Name <address>'.")
        return
    sender = f"{name} <{email}>" if name else email
    old.found["MAIL_DEFAULT_SENDER"] = sender
    line = f"MAIL_DEFAULT_SENDER={in_quotes(sender)}"
    old.note(names, f"read as MAIL_DEFAULT_SENDER. Set {line} instead.")


def _mailgun(old: _Translation) -> None:
    """Read the domain, but not the key: it belongs to an HTTP API and is no SMTP password."""
    domain = old.value("MAIL_DOMAIN")
    server = f"MAIL_SERVER={MAILGUN_SERVER} and MAIL_USERNAME=postmaster@{domain or '(domain)'}"
    if domain and not old.is_replaced(["MAIL_DOMAIN"], "MAIL_SERVER", "MAIL_USERNAME"):
        if old.value("MAIL_PASSWORD"):
            old.found["MAIL_SERVER"] = MAILGUN_SERVER
            old.found["MAIL_USERNAME"] = f"postmaster@{domain}"
            old.note(["MAIL_DOMAIN"], f"read as {server}. Set these instead.")
        else:
            old.note(["MAIL_DOMAIN"], f"not read without MAIL_PASSWORD. Set {server} instead.")
    if old.value("MAIL_KEY"):
        old.note(
            ["MAIL_KEY"],
            "not read. Mails go by SMTP, and Mailgun's API key is no SMTP password. Make an SMTP "
            "password in the settings of the domain, and set MAIL_PASSWORD.",
        )


def _redis(old: _Translation) -> None:
    names = old.given((QUEUE, *REDIS))
    if not names or old.is_replaced(names, "REDIS_URL", "REDISTOGO_URL"):
        return
    host, port, password, database = map(old.value, REDIS)
    secret = f":{quote(password, safe='')}@" if password else ""
    place = f"{host or '127.0.0.1'}:{port or 6379}/{database or 0}"
    old.found["REDIS_URL"] = old.value(QUEUE) or f"redis://{secret}{place}"
    shown = "its value" if old.value(QUEUE) else f"redis://{':(password)@' * bool(secret)}{place}"
    old.note(names, f"read as REDIS_URL. Set REDIS_URL to {shown} instead.")


def _gone(old: _Translation) -> None:
    if names := old.given(GONE):
        old.note(names, "not read. Pages load no script of another site. Remove the old name.")
