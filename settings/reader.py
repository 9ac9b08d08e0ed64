"""Read typed values from the environment and `.env`. An error names the wrong setting."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from io import StringIO
from pathlib import Path

from croniter import CroniterError, croniter
from dotenv import dotenv_values
from email_validator import EmailNotValidError

from settings import normalise, urls
from settings.old_names import OLD_FILE

BASE_DIR = Path(__file__).resolve().parents[1]
MOST = 2**31 - 1  # the limit of a timeout, a cookie and a database column
MOST_DAYS = 36_500
GROUP = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

RANDOM_FIELD = re.compile(r"(?<!\S)r(?![a-z])", re.IGNORECASE)


class ConfigurationError(Exception):
    """A setting is missing or invalid. The message names the setting."""


def environment() -> dict[str, str]:
    """Return the variables of `.env`, overridden by those of the real environment.

    The file that flask-base had in place of `.env` is read as well.
    """
    older = _from_file(BASE_DIR / OLD_FILE)
    return {**older, **_from_file(BASE_DIR / ".env"), **os.environ}


def _from_file(path: Path) -> dict[str, str]:
    """Read a UTF-8 file with or without a byte order mark. Raises ConfigurationError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without a byte order mark has a NUL beside each letter
        raise ConfigurationError(f"{path} is not UTF-8: save it as UTF-8 in your editor.")
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


class Reader:
    """Typed access to the environment. An empty value counts as absent."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def secret(self, name: str) -> str:
        """Return a value with its leading and trailing spaces."""
        value = self.variables.get(name) or ""
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ConfigurationError(f"{name} is not UTF-8.")
        return value

    def text(self, *names: str, default: str = "") -> str:
        """Return the value of the first of `names` that is set, without surrounding spaces."""
        return next((value for name in names if (value := self.secret(name).strip())), default)

    def line(self, name: str, default: str = "") -> str:
        """Return a text that pages and mails show on one line."""
        value = self.text(name, default=default)
        if not normalise.is_one_line(value):
            raise ConfigurationError(f"{name} must be one line, without control characters.")
        return value

    def key(self, name: str) -> str:
        """Return a key for use in a header: printable ASCII without spaces."""
        value = self.text(name)
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigurationError(f"{name} must be a key, in one word of ASCII characters.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ConfigurationError(f"{name} must be True or False, not {value!r}.")

    def pattern(self, name: str, pattern: re.Pattern[str], refusal: str) -> str:
        """Return a text that matches a regular expression. Otherwise `refusal` ends the error."""
        value = self.text(name)
        if value and not pattern.fullmatch(value):
            raise ConfigurationError(f"{name} {refusal}")
        return value

    def choice(self, name: str, default: str, choices: Collection[str]) -> str:
        """Return one of `choices`, compared without case."""
        value = self.text(name, default=default)
        for one in choices:
            if one.lower() == value.lower():
                return one
        raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")

    def number(self, name: str, default: int, least: int = 0, most: int = MOST) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise ConfigurationError(f"{name} must be a whole number, not {value!r}.") from None
        if number < least:
            raise ConfigurationError(f"{name} must be at least {least}, not {number}.")
        if number > most:
            raise ConfigurationError(f"{name} must be at most {most}, not {number}.")
        return number

    def days(self, name: str, default: int, least: int = 1, most: int = MOST_DAYS) -> int:
        """Return a number of days that is safe to subtract from a date."""
        return self.number(name, default, least=least, most=min(most, MOST_DAYS))

    def cron(self, name: str, default: str) -> str:
        """Return a cron expression: minute, hour, day, month, day of week. `never` gives ""."""
        value = self.text(name, default=default)
        if value.lower() == "never":
            return ""
        if not _is_cron(value):
            raise ConfigurationError(
                f"{name} must be five fields as in a crontab, or never, not {value!r}."
            )
        return value

    def listing(self, name: str) -> list[str]:
        """Return a comma-separated value as a list."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def groups(self, name: str, fields: Collection[str]) -> dict[str, dict[str, str]]:
        """Return settings of their own for each member of a comma-separated list.

        With the field URL, the member `acme` of PARTNER_NAMES has the setting PARTNER_ACME_URL.
        """
        prefix = name.rpartition("_")[0]
        found: dict[str, dict[str, str]] = {}
        for member in self.listing(name):
            if not GROUP.fullmatch(member):
                raise ConfigurationError(
                    f"{name} must hold words such as acme or acme-staff, not {member!r}."
                )
            own = f"{prefix}_{member.upper().replace('-', '_')}"
            found[member] = {field: self.line(f"{own}_{field}") for field in fields}
        return found

    def numbers(self, name: str, default: list[int], least: int = 0) -> list[int]:
        """Return comma-separated whole numbers."""
        try:
            found = [int(part) for part in self.listing(name)] or default
        except ValueError:
            raise ConfigurationError(f"{name} must be numbers, as in 10,60,300.") from None
        if not least <= min(found) <= max(found) <= MOST:
            raise ConfigurationError(f"{name} must be at least {least} each, at most {MOST}.")
        return found

    def folder(self, name: str, default: Path) -> Path:
        """Return the full path of a folder, which may not exist yet."""
        path = Path(self.text(name) or default).resolve()
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"{name} must be a folder; {path} is a file.")
        return path

    def file(self, name: str) -> str:
        """Return the path of a readable file, or "" if none is set."""
        path = self.text(name)
        if path and not os.access(path, os.R_OK):
            raise ConfigurationError(f"{name} must be a file that can be read; {path} is none.")
        return path

    def host(self, name: str) -> str:
        """Return a host in its ASCII form."""
        value = self.text(name)
        return _host(name, value) if value else ""

    def hosts(self, name: str) -> list[str]:
        """Return comma-separated hosts in their ASCII form; `.example.com` covers subdomains."""
        return [
            value
            if value == "*"
            else "." * (value[0] == ".") + _host(name, value.removeprefix("."))
            for value in self.listing(name)
        ]

    def email(self, name: str, default: str, intranet: Collection[str]) -> str:
        """Return one email address, normalised as in forms."""
        value = self.text(name, default=default)
        try:
            return normalise.email(value, intranet)
        except EmailNotValidError:
            raise ConfigurationError(
                f"{name} must be one email address such as admin@example.com, not {value!r}. "
                "Name the domains of an intranet in INTRANET_DOMAINS."
            ) from None

    def sender(self, name: str, default: str) -> str:
        """Return `Name <address>` with the name quoted as in RFC 5322."""
        value = self.text(name, default=default)
        try:
            return str(normalise.sender(value)) if value else ""
        except ValueError:
            raise ConfigurationError(
                f"{name} must be an address, or a name with an address in angle brackets as in "
                f"Acme <no-reply@example.com>, not {value!r}."
            ) from None

    def site(self, name: str) -> str:
        """Return the scheme, host and port of a site."""
        return self.url(name, check=urls.site)

    def url(self, *names: str, check: Callable[[str], str], default: str = "") -> str:
        """Return the value of the first of `names` that is set, normalised by `check`.

        `check` is a function of `settings.urls`. The message of its ValueError completes a sentence
        that begins with the name of the setting.
        """
        name = next((name for name in names if self.text(name)), names[0])
        value = self.text(name, default=default)
        try:
            return check(value) if value else ""
        except ValueError as error:
            raise ConfigurationError(f"{name} {error}") from None


def _is_cron(value: str) -> bool:
    """Tell whether five fields name times that come. The 30th of February never does.

    croniter has a field `R` besides, which would be another time in each process.
    """
    if len(value.split()) != 5 or RANDOM_FIELD.search(value):
        return False
    try:
        croniter(value).get_prev()
    except (CroniterError, ValueError):
        return False
    return True


def _host(name: str, value: str) -> str:
    try:
        return normalise.host(value)
    except ValueError:
        raise ConfigurationError(
            f"{name} must hold host names such as app.example.com, not {value!r}."
        ) from None


def make_private_folder(path: Path) -> None:
    """Create a folder that only its owner can open, if missing. Raises ConfigurationError."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"INSTANCE_PATH must be a folder that can be written; {path} cannot be made: "
            f"{error.strerror}."
        ) from None
