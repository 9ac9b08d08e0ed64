"""Settings, read from the environment and from `.env`; nothing else reads either."""

import os
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from croniter import croniter
from dotenv import dotenv_values
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

BASE_DIR = Path(__file__).resolve().parent
DEVELOPMENT_ADMIN_PASSWORD = "password"  # noqa: S105 - refused by ProductionConfig.check
SHORTEST_PASSWORD_MINIMUM = 8  # NIST SP 800-63B-4, section 3.1.1.2
SHORTEST_SECRET_KEY = 32
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
REGISTRATION_MODES = ("open", "invite-only", "closed")


class ConfigurationError(Exception):
    """The environment misses something or a value cannot be read; the message names it."""


def environment() -> dict[str, str]:
    """Return the variables of `.env` overlaid with those of the real environment, which win."""
    from_file = {
        k: v
        for k, v in dotenv_values(BASE_DIR / ".env", interpolate=False).items()
        if v is not None
    }
    return {**from_file, **os.environ}


# What the app writes: databases, mails and Redis data of development, a key of its own.
INSTANCE_DIR = Path(environment().get("INSTANCE_PATH") or BASE_DIR / "instance").resolve()


class Reader:
    """Typed access to the environment. An empty value counts as absent."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def text(self, *names: str, default: str = "") -> str:
        """Return the first of `names` that is set."""
        return next((self.variables[name] for name in names if self.variables.get(name)), default)

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name).strip().lower()
        if not value:
            return default
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ConfigurationError(f"{name} must be True or False, not {value!r}.")

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """Return one of `allowed`, in whatever case it is written."""
        value = self.text(name, default=default).strip()
        for one in allowed:
            if one.lower() == value.lower():
                return one
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")

    def number(self, name: str, default: int, least: int = 0, most: int | None = None) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise ConfigurationError(f"{name} must be a whole number, not {value!r}.") from None
        if number < least:
            raise ConfigurationError(f"{name} must be at least {least}, not {number}.")
        if most is not None and number > most:
            raise ConfigurationError(f"{name} must be at most {most}, not {number}.")
        return number

    def cron(self, name: str, default: str) -> str:
        """Return when something recurs, as cron has it: minute, hour, day, month, day of week."""
        value = self.text(name, default=default).strip()
        if len(value.split()) != 5 or not croniter.is_valid(value):
            raise ConfigurationError(f"{name} must be five fields as in a crontab, not {value!r}.")
        return value

    def listing(self, name: str) -> list[str]:
        """Return a comma-separated value as a list."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def numbers(self, name: str, default: list[int], least: int = 0) -> list[int]:
        """Return comma-separated whole numbers."""
        try:
            found = [int(part) for part in self.listing(name)] or default
        except ValueError:
            raise ConfigurationError(f"{name} must be numbers, as in 10,60,300.") from None
        if min(found) < least:
            raise ConfigurationError(f"{name} must be at least {least} each.")
        return found

    def database(self, name: str, *, default_file: str) -> str:
        """Return a database address for SQLAlchemy; psycopg 3 speaks to PostgreSQL.

        Where none is given it is a file in the instance folder, which is made if missing.
        """
        url = self.text(name)
        if not url:
            INSTANCE_DIR.mkdir(parents=True, exist_ok=True)
            return f"sqlite:///{INSTANCE_DIR / default_file}"
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                url = "postgresql+psycopg://" + url.removeprefix(prefix)
        try:
            make_url(url).get_dialect()
        except (ArgumentError, NoSuchModuleError, ValueError):
            # What it is is not repeated: it may hold a password.
            raise ConfigurationError(f"{name} is not the address of a database.") from None
        return url

    def redis(self, *names: str, default: str) -> str:
        """Return the first of the addresses of a Redis that is set."""
        url = self.text(*names, default=default)
        if parsed(url).scheme not in {"redis", "rediss", "unix"}:
            raise ConfigurationError(f"{names[0]} must begin with redis://, rediss:// or unix://.")
        return url


def parsed(url: str) -> SplitResult:
    """Return the parts of an address, all of them empty where it cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # Only now is it found out whether it is a number.
    except ValueError:
        return urlsplit("")
    return parts


def development_secret_key() -> str:
    """Return the key kept in the instance folder, making it first: web and worker must share it."""
    path = INSTANCE_DIR / "secret_key"
    INSTANCE_DIR.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(48)
        file.write(key)
    return key


class Config:
    """What every configuration shares. Times are in seconds unless the name says otherwise."""

    DEBUG = False
    TESTING = False
    PRODUCTION = False
    EPHEMERAL_DISK = False
    DEV_PAGES = False
    DEFAULT_PROXIES = 0
    DEFAULT_REDIS_SSL_CERT_REQS = "required"

    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    REMEMBER_COOKIE_HTTPONLY = True
    REMEMBER_COOKIE_SAMESITE = "Lax"
    # The referrer policy of pages with a token in their address would fail Flask-WTF's referrer
    # check; app.csrf checks Origin and Sec-Fetch-Site instead.
    WTF_CSRF_SSL_STRICT = False
    WTF_CSRF_TIME_LIMIT = None  # A token lives as long as its session, which has its own limits.
    RATELIMIT_HEADERS_ENABLED = False
    RATELIMIT_IN_MEMORY_FALLBACK_ENABLED = True
    RATELIMIT_STRATEGY = "fixed-window"
    COMPRESS_BR_LEVEL = 4

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        read = Reader(environment() if variables is None else variables)

        self.APP_NAME = read.text("APP_NAME", default="Flask-Base")
        self.APP_URL = read.text("APP_URL", default=self.default_app_url(read)).rstrip("/")
        self.SECRET_KEY = read.text("SECRET_KEY") or self.default_secret_key()
        self.SECRET_KEY_FALLBACKS = read.listing("SECRET_KEY_FALLBACKS")
        self.LOG_LEVEL = read.choice("LOG_LEVEL", "INFO", LOG_LEVELS)

        self.ADMIN_EMAIL = read.text("ADMIN_EMAIL", default="flask-base-admin@example.com")
        self.ADMIN_PASSWORD = read.text("ADMIN_PASSWORD", default=DEVELOPMENT_ADMIN_PASSWORD)
        self.PASSWORD_MIN_LENGTH = read.number(
            "PASSWORD_MIN_LENGTH", 12, least=SHORTEST_PASSWORD_MINIMUM
        )
        self.REGISTRATION = read.choice("REGISTRATION", "open", REGISTRATION_MODES)

        self.SQLALCHEMY_DATABASE_URI = self.database_url(read)
        self.REDIS_URL = read.redis(
            "REDIS_URL", "REDISTOGO_URL", default="redis://127.0.0.1:6379/0"
        )
        self.REDIS_SSL_CERT_REQS = read.text(
            "REDIS_SSL_CERT_REQS", default=self.DEFAULT_REDIS_SSL_CERT_REQS
        )
        self.QUEUE_PREFIX = read.text("QUEUE_PREFIX")

        self.CLEAN_UP_AT = read.cron("CLEAN_UP_AT", default="30 3 * * *")
        self.KEEP_SENT_EMAILS = read.number("KEEP_SENT_EMAILS", 30, least=1)
        self.KEEP_FAILED_EMAILS = read.number("KEEP_FAILED_EMAILS", 90, least=1)
        self.KEEP_AUDIT_EVENTS = read.number("KEEP_AUDIT_EVENTS", 730, least=1)
        self.KEEP_BULK_OPERATIONS = read.number("KEEP_BULK_OPERATIONS", 30, least=1)
        self.KEEP_IMPORTS = read.number("KEEP_IMPORTS", 14, least=1)
        self.RESTORE_DELETED_DAYS = read.number("RESTORE_DELETED_DAYS", 30, least=1)

        self.MAIL_SERVER = read.text("MAIL_SERVER")
        self.MAIL_TRANSPORT = self.default_mail_transport()
        self.MAIL_PORT = read.number("MAIL_PORT", 587, least=1)
        self.MAIL_USE_TLS = read.flag("MAIL_USE_TLS", default=True)
        self.MAIL_USE_SSL = read.flag("MAIL_USE_SSL", default=False)
        self.MAIL_USERNAME = read.text("MAIL_USERNAME") or None
        self.MAIL_PASSWORD = read.text("MAIL_PASSWORD") or None
        self.MAIL_CA_FILE = read.text("MAIL_CA_FILE")
        self.MAIL_TIMEOUT = read.number("MAIL_TIMEOUT", 15, least=1)
        self.MAIL_DEFAULT_SENDER = read.text(
            "MAIL_DEFAULT_SENDER", default=f"{self.APP_NAME} <no-reply@{self.host_name()}>"
        )
        self.EMAIL_RETRY_SECONDS = read.numbers(
            "EMAIL_RETRY_SECONDS", [10, 60, 300, 1800, 7200, 21600], least=1
        )
        self.EMAIL_SUBJECT_PREFIX = read.text("EMAIL_SUBJECT_PREFIX", default=f"[{self.APP_NAME}]")

        self.SSL_DISABLE = read.flag("SSL_DISABLE", default=False)
        self.TRUSTED_PROXIES = read.number("TRUSTED_PROXIES", self.DEFAULT_PROXIES)
        self.TRUSTED_HOSTS = [self.host_name(), *self.local_hosts(), *read.listing("TRUSTED_HOSTS")]
        self.MAX_CONTENT_LENGTH = read.number("MAX_CONTENT_LENGTH", 1024 * 1024, least=1024)
        self.MAX_FORM_MEMORY_SIZE = self.MAX_CONTENT_LENGTH
        self.IMPORT_MAX_MEGABYTES = read.number("IMPORT_MAX_MEGABYTES", 50, least=1)

        self.RATELIMIT_ENABLED = read.flag("RATELIMIT_ENABLED", default=True)
        self.SESSION_IDLE_TIMEOUT = read.number("SESSION_IDLE_TIMEOUT", 12 * 60 * 60, least=1)
        self.SESSION_LIFETIME = read.number("SESSION_LIFETIME", 7 * 24 * 60 * 60, least=1)
        self.REMEMBER_LIFETIME = read.number("REMEMBER_LIFETIME", 30 * 24 * 60 * 60, least=1)
        self.REAUTHENTICATION_WINDOW = read.number("REAUTHENTICATION_WINDOW", 15 * 60, least=1)
        self.IMPERSONATION_MINUTES = read.number("IMPERSONATION_MINUTES", 30, least=1, most=30)

        self.SENTRY_DSN = read.text("SENTRY_DSN")
        self.RAYGUN_APIKEY = read.text("RAYGUN_APIKEY")

        self.derive()

    def derive(self) -> None:
        """Set what follows from the values above."""
        self.RATELIMIT_STORAGE_URI = self.REDIS_URL
        self.RATELIMIT_STORAGE_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 1}
        self.COMPRESS_ALGORITHM = ["br", "zstd", "gzip"]
        self.REMEMBER_COOKIE_DURATION = timedelta(seconds=self.REMEMBER_LIFETIME)
        self.HTTPS_ONLY = self.PRODUCTION and not self.SSL_DISABLE
        self.SESSION_COOKIE_SECURE = self.REMEMBER_COOKIE_SECURE = self.HTTPS_ONLY
        # A `__Host-` cookie cannot be set by a sibling domain or over plain HTTP (RFC 6265bis).
        prefix = "__Host-" if self.HTTPS_ONLY else ""
        self.SESSION_COOKIE_NAME = f"{prefix}session"
        self.REMEMBER_COOKIE_NAME = f"{prefix}remember_token"

    def host_name(self) -> str:
        return parsed(self.APP_URL).hostname or ""

    def local_hosts(self) -> list[str]:
        """Return other names of this machine under which the app may be opened."""
        return []

    def default_app_url(self, read: Reader) -> str:
        return f"http://localhost:{read.number('PORT', 5000)}"

    def default_secret_key(self) -> str:
        return development_secret_key()

    def default_mail_transport(self) -> str:
        return "smtp"

    def database_url(self, read: Reader) -> str:
        return read.database("DATABASE_URL", default_file="data.sqlite")

    def check(self) -> list[str]:
        """Return what stands in the way of starting, a sentence each."""
        url = parsed(self.APP_URL)
        plain = url.hostname and self.APP_URL.lower() == f"{url.scheme}://{url.netloc}".lower()
        if self.APP_URL and (url.scheme not in {"http", "https"} or not plain or "@" in url.netloc):
            return ["APP_URL must look like https://app.example.com, without a path."]
        return []


class DevelopmentConfig(Config):
    DEBUG = True
    DEV_PAGES = True

    def default_mail_transport(self) -> str:
        return "smtp" if self.MAIL_SERVER else "files"

    def local_hosts(self) -> list[str]:
        return ["localhost", "127.0.0.1"]

    def database_url(self, read: Reader) -> str:
        return read.database("DEV_DATABASE_URL", default_file="data-dev.sqlite")


class TestingConfig(DevelopmentConfig):
    """Fixed where a developer's own `.env` would otherwise change what the tests see."""

    DEBUG = False
    TESTING = True

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        chosen = environment() if variables is None else variables
        kept = {name: chosen[name] for name in ("TEST_DATABASE_URL",) if name in chosen}
        super().__init__({"APP_URL": "http://localhost", **kept})

    def derive(self) -> None:
        super().derive()
        self.RATELIMIT_STORAGE_URI = "memory://"
        self.REDIS_URL = ""

    def default_secret_key(self) -> str:
        return secrets.token_urlsafe(48)

    def default_mail_transport(self) -> str:
        return "memory"

    def database_url(self, read: Reader) -> str:
        if not read.text("TEST_DATABASE_URL"):
            return "sqlite://"  # in memory
        return read.database("TEST_DATABASE_URL", default_file="")


class ProductionConfig(Config):
    PRODUCTION = True

    def default_app_url(self, read: Reader) -> str:  # there is none that would be right
        return ""

    def default_secret_key(self) -> str:
        return ""

    def check(self) -> list[str]:
        problems = super().check()
        if not self.SECRET_KEY:
            problems.append("SECRET_KEY must be set to a long random value.")
        elif len(self.SECRET_KEY) < SHORTEST_SECRET_KEY:
            problems.append(f"SECRET_KEY must have at least {SHORTEST_SECRET_KEY} characters.")
        if not self.APP_URL:
            problems.append(
                "APP_URL must be set to the address that people open, such as "
                "https://app.example.com: links in mails are built from it."
            )
        elif self.HTTPS_ONLY and parsed(self.APP_URL).scheme == "http":
            problems.append("APP_URL must begin with https://, unless SSL_DISABLE is True.")
        if self.ADMIN_PASSWORD == DEVELOPMENT_ADMIN_PASSWORD:
            problems.append("ADMIN_PASSWORD must be set, and not to the one used in development.")
        return problems


class HerokuConfig(ProductionConfig):
    EPHEMERAL_DISK = True
    DEFAULT_PROXIES = 1
    # Heroku's Redis presents a certificate that no authority has signed.
    DEFAULT_REDIS_SSL_CERT_REQS = "none"


class UnixConfig(ProductionConfig):
    """A Linux server of one's own; TRUSTED_PROXIES says how many proxies stand in front."""


config: dict[str, type[Config]] = {
    "development": DevelopmentConfig,
    "testing": TestingConfig,
    "production": ProductionConfig,
    "heroku": HerokuConfig,
    "unix": UnixConfig,
    "default": DevelopmentConfig,
}


def load(name: str | None = None) -> Config:
    """Return the configuration called `name`, else FLASK_CONFIG's, else development's.

    Raises ConfigurationError when there is none of that name or it may not start as it stands.
    """
    chosen = name or environment().get("FLASK_CONFIG") or "default"
    if chosen not in config:
        raise ConfigurationError(f"FLASK_CONFIG must be one of {', '.join(config)}, not {chosen}.")
    settings = config[chosen]()
    if problems := settings.check():
        raise ConfigurationError("\n".join(problems))
    return settings
