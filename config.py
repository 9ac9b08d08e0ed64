"""Define the settings, and the configurations that set their defaults and checks."""

import logging
import math
import os
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from zxcvbn import zxcvbn

from settings import manifests, normalise, old_names, product, urls
from settings.reader import (
    BASE_DIR,
    ConfigurationError,
    Reader,
    environment,
    make_private_folder,
)

__all__ = ["BASE_DIR", "ConfigurationError", "Reader", "config", "environment", "load"]

DEVELOPMENT_ADMIN_PASSWORD = "password"  # noqa: S105 - refused by ProductionConfig.check
SHORTEST_PASSWORD_MINIMUM = 8  # NIST SP 800-63B-4, section 3.1.1.2
LONGEST_PASSWORD_MINIMUM = 64  # as above: users may choose so many, and 128 are accepted
SHORTEST_SECRET_KEY = 32
# A web process has threads for 100 clients (app/kit/web/serving/slow_clients.py). Two run the
# application, and the others answer monitors and send files while everybody else waits.
MOST_WAITING = 90
LONGEST_WAIT = 25  # seconds after which gunicorn.conf.py ends a process that restarts
LEAST_KEY_BITS = 80  # as zxcvbn counts them, which is fewer than a random key has
EXAMINED_LENGTH = 48  # zxcvbn's time grows with the square of the length
EXAMPLE_WORDS = re.compile(
    r"secret|change|replace|default|example|password|insecure|flask|django|development|testing"
    r"|production|key|your|this|please|super|very|long|random|string|value|here|app",
    re.IGNORECASE,
)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
KEY_COMMAND = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
REGISTRATION_MODES = ("open", "closed")  # Features add others (`choices` of a feature.toml).
REDIS_SSL_CERT_REQS = ("required", "optional", "none")

NOT_CHOSEN = (
    "FLASK_CONFIG is not set, so this would run development: a known password for the "
    "administrator, every mail at /dev/mail, no DATABASE_URL. Set FLASK_CONFIG to production, "
    "heroku or unix, or to development if you mean that. FLASK_ENV is not read."
)


def can_be_guessed(key: str) -> bool:
    """Return whether `key` is little more than words from example keys."""
    rest = EXAMPLE_WORDS.sub("", key)[:EXAMINED_LENGTH]
    return not rest or zxcvbn(rest)["guesses_log10"] * math.log2(10) < LEAST_KEY_BITS


def development_secret_key(folder: Path) -> str:
    """Return the secret key in `folder`, which the web process and the worker share.

    The first call creates the key.
    """
    path = folder / "secret_key"
    make_private_folder(folder)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(48)
        file.write(key)
    return key


def _named_as_today(variables: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the variables, by default the environment's, and warn of names of flask-base.

    The warnings come before any check of a value, because its error has the new name.
    """
    named, notes = old_names.translated(environment() if variables is None else variables)
    if variables is None and (BASE_DIR / old_names.OLD_FILE).exists():
        notes.append(old_names.OLD_FILE_IS_READ)
    for note in notes:
        logging.getLogger("settings").warning("%s", note)
    return named


def log_format(read: Reader) -> str:
    """Return LOG_FORMAT: "text" or "json"."""
    return read.choice("LOG_FORMAT", "text", ("text", "json"))


class Config:
    """Base of all configurations. Times are in seconds unless the name says otherwise."""

    DEBUG = False
    TESTING = False
    PRODUCTION = False
    EPHEMERAL_DISK = False
    IS_CHOSEN = False
    DEV_PAGES = False
    DEFAULT_PROXIES = 0
    DEFAULT_REDIS_SSL_CERT_REQS = "required"

    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    REMEMBER_COOKIE_HTTPONLY = True
    REMEMBER_COOKIE_SAMESITE = "Lax"
    # Flask-Login would write a mark into the cookie of each visitor in their second request. The
    # answer to a script could so overwrite the cookie of a sign-in that ended just before.
    SESSION_PROTECTION = None
    # Pages with a token in their URL send no referrer and would fail Flask-WTF's referrer check.
    # app.kit.web.csrf checks Origin and Sec-Fetch-Site instead.
    WTF_CSRF_SSL_STRICT = False
    WTF_CSRF_TIME_LIMIT = None  # A token lives as long as its session, which has its own limits.
    RATELIMIT_HEADERS_ENABLED = False
    RATELIMIT_IN_MEMORY_FALLBACK_ENABLED = True
    RATELIMIT_STRATEGY = "fixed-window"
    COMPRESS_BR_LEVEL = 4

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        read = Reader(_named_as_today(variables))
        self.read_site(read)
        self.read_logging(read)
        self.read_accounts(read)
        self.read_database(read)
        self.read_queue(read)
        self.read_mail(read)
        self.read_files(read)
        self.read_https(read)
        self.read_hosts(read)
        self.read_load(read)
        self.read_sessions(read)
        self.read_retention(read)
        self.derive()
        self.read_features(read)

    def read_site(self, read: Reader) -> None:
        self.INSTANCE_PATH = read.folder("INSTANCE_PATH", BASE_DIR / "instance")
        self.APP_NAME = read.line("APP_NAME", default=product.name())
        self.APP_URL = read.url("APP_URL", check=urls.site, default=self.default_app_url(read))
        self.SECRET_KEY = read.secret("SECRET_KEY") or self.default_secret_key()
        self.SECRET_KEY_FALLBACKS = read.listing("SECRET_KEY_FALLBACKS")

    def read_logging(self, read: Reader) -> None:
        self.LOG_LEVEL = read.choice("LOG_LEVEL", "INFO", LOG_LEVELS)
        self.LOG_FORMAT = log_format(read)

    def read_accounts(self, read: Reader) -> None:
        """Set the first administrator, and the rules for passwords and forms."""
        self.INTRANET_DOMAINS = read.hosts("INTRANET_DOMAINS")
        self.ADMIN_EMAIL = read.email("ADMIN_EMAIL", product.admin_email(), self.INTRANET_DOMAINS)
        self.ADMIN_PASSWORD = read.secret("ADMIN_PASSWORD") or DEVELOPMENT_ADMIN_PASSWORD
        self.PASSWORD_MIN_LENGTH = read.number(
            "PASSWORD_MIN_LENGTH",
            12,
            least=SHORTEST_PASSWORD_MINIMUM,
            most=LONGEST_PASSWORD_MINIMUM,
        )
        self.FORM_MIN_SECONDS = read.number("FORM_MIN_SECONDS", 2, least=0, most=60)

    def read_database(self, read: Reader) -> None:
        self.SQLALCHEMY_DATABASE_URI = self.database_url(read)
        self.DATABASE_DIRECT_URL = self.direct_database_url(read)

    def read_queue(self, read: Reader) -> None:
        self.REDIS_URL = read.url(
            "REDIS_URL", "REDISTOGO_URL", check=urls.redis, default="redis://127.0.0.1:6379/0"
        )
        self.REDIS_SSL_CERT_REQS = read.choice(
            "REDIS_SSL_CERT_REQS", self.DEFAULT_REDIS_SSL_CERT_REQS, REDIS_SSL_CERT_REQS
        )
        self.QUEUE_PREFIX = read.text("QUEUE_PREFIX", default=self.APP_NAME)

    def read_mail(self, read: Reader) -> None:
        self.MAIL_SERVER = read.host("MAIL_SERVER")
        self.MAIL_TRANSPORT = self.default_mail_transport()
        self.MAIL_PORT = read.number("MAIL_PORT", 587, least=1, most=65535)
        self.MAIL_USE_TLS = read.flag("MAIL_USE_TLS", default=True)
        self.MAIL_USE_SSL = read.flag("MAIL_USE_SSL", default=False)
        self.MAIL_USERNAME = read.text("MAIL_USERNAME") or None
        self.MAIL_PASSWORD = read.secret("MAIL_PASSWORD") or None
        self.MAIL_CA_FILE = read.file("MAIL_CA_FILE")
        self.MAIL_TIMEOUT = read.number("MAIL_TIMEOUT", 15, least=1)
        self.MAIL_DEFAULT_SENDER = read.sender("MAIL_DEFAULT_SENDER", self.default_sender())
        self.EMAIL_RETRY_SECONDS = read.numbers(
            "EMAIL_RETRY_SECONDS", [10, 60, 300, 1800, 7200, 21600], least=1
        )
        self.EMAIL_SUBJECT_PREFIX = read.line("EMAIL_SUBJECT_PREFIX", default=f"[{self.APP_NAME}]")

    def read_files(self, read: Reader) -> None:
        """Set where uploaded files are kept: a folder, or a bucket if one is named."""
        self.FILES_FOLDER = read.folder("FILES_FOLDER", self.INSTANCE_PATH / "files")
        self.S3_BUCKET = read.pattern("S3_BUCKET", BUCKET, "must be the name of a bucket.")
        self.S3_ENDPOINT = read.site("S3_ENDPOINT")
        self.S3_REGION = read.text("S3_REGION", default="us-east-1")
        self.S3_ACCESS_KEY = read.key("S3_ACCESS_KEY")
        self.S3_SECRET_KEY = read.secret("S3_SECRET_KEY")
        self.MAX_CONTENT_LENGTH = read.number("MAX_CONTENT_LENGTH", 1024 * 1024, least=1024)
        self.MAX_FORM_MEMORY_SIZE = self.MAX_CONTENT_LENGTH
        self.IMPORT_MAX_MEGABYTES = read.number("IMPORT_MAX_MEGABYTES", 50, least=1)

    def read_https(self, read: Reader) -> None:
        """Set whether browsers have to use HTTPS, and for which hosts."""
        self.SSL_DISABLE = read.flag("SSL_DISABLE", default=False)
        self.HSTS_SUBDOMAINS = read.flag("HSTS_SUBDOMAINS", default=False)

    def read_hosts(self, read: Reader) -> None:
        """Set the host names that the app accepts, and the number of proxies before it."""
        self.TRUSTED_PROXIES = read.number("TRUSTED_PROXIES", self.DEFAULT_PROXIES)
        self.TRUSTED_HOSTS = [self.host_name(), *self.local_hosts(), *read.hosts("TRUSTED_HOSTS")]

    def read_load(self, read: Reader) -> None:
        """Set the limits of requests: how many may wait in each web process (gunicorn.conf.py)."""
        self.RATELIMIT_ENABLED = read.flag("RATELIMIT_ENABLED", default=True)
        self.WAITING_REQUESTS = read.number("WAITING_REQUESTS", 64, most=MOST_WAITING)
        self.WAITING_MILLISECONDS = read.number("WAITING_MILLISECONDS", 250, least=1)
        self.WAITING_SECONDS = read.number("WAITING_SECONDS", 2, least=1, most=LONGEST_WAIT)
        self.HASHING_SLOTS = read.number("HASHING_SLOTS", 1, least=1, most=64)
        self.WAITING_HASHES = read.number("WAITING_HASHES", 8, most=MOST_WAITING)

    def read_sessions(self, read: Reader) -> None:
        self.SESSION_IDLE_TIMEOUT = read.number("SESSION_IDLE_TIMEOUT", 12 * 60 * 60, least=1)
        self.SESSION_LIFETIME = read.number("SESSION_LIFETIME", 7 * 24 * 60 * 60, least=1)
        self.REMEMBER_LIFETIME = read.number("REMEMBER_LIFETIME", 30 * 24 * 60 * 60, least=1)
        self.REAUTHENTICATION_WINDOW = read.number("REAUTHENTICATION_WINDOW", 15 * 60, least=1)

    def read_retention(self, read: Reader) -> None:
        """Set when the nightly clean-up runs, and how long it keeps rows."""
        self.CLEAN_UP_AT = read.cron("CLEAN_UP_AT", default="30 3 * * *")
        self.KEEP_SENT_EMAILS = read.days("KEEP_SENT_EMAILS", 30)
        self.KEEP_FAILED_EMAILS = read.days("KEEP_FAILED_EMAILS", 90)
        self.KEEP_AUDIT_EVENTS = read.days("KEEP_AUDIT_EVENTS", 730)
        self.KEEP_TABLE_OPERATIONS = read.days("KEEP_TABLE_OPERATIONS", 30)
        self.KEEP_IMPORTS = read.days("KEEP_IMPORTS", 14)

    def registration_modes(self) -> list[str]:
        """Return the values that REGISTRATION may have with the features that are on."""
        choices = [feature.choices for feature in self.FEATURES.values() if not feature.off]
        return [
            *REGISTRATION_MODES,
            *(one["REGISTRATION"] for one in choices if "REGISTRATION" in one),
        ]

    def read_features(self, read: Reader) -> None:
        """Find the features, and set the settings of those that are on.

        Raises ConfigurationError if this class already has a setting of that name.
        """
        off = tuple(read.listing("FEATURES_OFF"))
        self.FEATURES = manifests.read_once(manifests.FEATURES, off=off)
        self.REGISTRATION = read.choice("REGISTRATION", "open", self.registration_modes())
        for feature in self.FEATURES.values():
            for name, setting in feature.settings.items() if not feature.off else ():
                if hasattr(self, name):
                    raise ConfigurationError(
                        f"The feature {feature.name} has the setting {name}, which config.py has "
                        "too. Rename it in its feature.toml."
                    )
                setattr(self, name, setting.value(read))

    def derive(self) -> None:
        """Set the values that follow from the settings above."""
        # The rate limiter uses its own scheme for a socket.
        self.RATELIMIT_STORAGE_URI = re.sub(r"^unix://", "redis+unix://", self.REDIS_URL)
        # The prefix separates the counters of applications that share a Redis.
        self.QUEUE_PREFIX = product.slug(self.QUEUE_PREFIX)
        self.RATELIMIT_KEY_PREFIX = self.QUEUE_PREFIX
        self.COMPRESS_ALGORITHM = ["br", "zstd", "gzip"]
        self.REMEMBER_COOKIE_DURATION = timedelta(seconds=self.REMEMBER_LIFETIME)
        self.HTTPS_ONLY = self.PRODUCTION and not self.SSL_DISABLE
        self.SESSION_COOKIE_SECURE = self.REMEMBER_COOKIE_SECURE = self.HTTPS_ONLY
        # A `__Host-` cookie cannot be set by a sibling domain or over plain HTTP (RFC 6265bis).
        prefix = "__Host-" if self.HTTPS_ONLY else ""
        # Browsers send a cookie to every port of a host (RFC 6265, section 8.5).
        port = urlsplit(self.APP_URL).port
        suffix = f"_{port}" if port else ""
        self.SESSION_COOKIE_NAME = f"{prefix}session{suffix}"
        self.REMEMBER_COOKIE_NAME = f"{prefix}remember_token{suffix}"
        self.KNOWN_BROWSER_COOKIE_NAME = f"{prefix}known_browser{suffix}"

    def host_name(self) -> str:
        return urlsplit(self.APP_URL).hostname or ""

    def default_sender(self) -> str:
        """Return a sender named after the app, or "" if APP_URL is empty."""
        if not self.APP_URL:
            return ""
        domain = normalise.mail_domain(self.host_name())
        return str(normalise.mailbox(f"no-reply@{domain}", self.APP_NAME))

    def local_hosts(self) -> list[str]:
        """Return further host names of this machine that the app accepts."""
        return []

    def default_app_url(self, read: Reader) -> str:
        return f"http://localhost:{read.number('PORT', 5000, least=1, most=65535)}"

    def default_secret_key(self) -> str:
        return development_secret_key(self.INSTANCE_PATH)

    def default_mail_transport(self) -> str:
        return "smtp"

    def database_url(self, read: Reader) -> str:
        return self.database(read, "DATABASE_URL", "data.sqlite")

    def direct_database_url(self, read: Reader) -> str:
        """Return the URL that bypasses the pooler in DATABASE_URL, or ""."""
        return read.url("DATABASE_DIRECT_URL", check=urls.database)

    def database(self, read: Reader, name: str, default_file: str) -> str:
        """Return the URL in the setting `name`, or the URL of a file in the instance folder."""
        self.DATABASE_SETTING = name
        if url := read.url(name, check=urls.database):
            return url
        if "?" in str(self.INSTANCE_PATH):
            raise ConfigurationError(
                f"{self.INSTANCE_PATH} has a question mark, which ends a path in a URL of SQLite. "
                f"Rename the folder, or set {name}."
            )
        make_private_folder(self.INSTANCE_PATH)
        return f"sqlite:///{self.INSTANCE_PATH / default_file}"

    def check(self) -> list[str]:
        """Return the problems that prevent a start, one sentence each."""
        problems = []
        if bool(self.S3_ACCESS_KEY) != bool(self.S3_SECRET_KEY):
            problems.append("S3_ACCESS_KEY and S3_SECRET_KEY must be set together.")
        if self.WAITING_MILLISECONDS > self.WAITING_SECONDS * 1000:
            problems.append(
                f"WAITING_MILLISECONDS must be at most {self.WAITING_SECONDS * 1000}, because a "
                f"request waits for {self.WAITING_SECONDS} s at most (WAITING_SECONDS)."
            )
        if self.most_waiting() > MOST_WAITING:
            problems.append(
                "WAITING_REQUESTS, HASHING_SLOTS and WAITING_HASHES must be at most "
                f"{MOST_WAITING} together, because a web process has threads for 100 clients."
            )
        return problems

    def most_waiting(self) -> int:
        """Return how many threads of a web process may wait, or hash, without a turn."""
        return self.WAITING_REQUESTS + self.HASHING_SLOTS + self.WAITING_HASHES


class DevelopmentConfig(Config):
    DEBUG = True
    DEV_PAGES = True

    def default_mail_transport(self) -> str:
        return "smtp" if self.MAIL_SERVER else "files"

    def local_hosts(self) -> list[str]:
        return ["localhost", "127.0.0.1"]

    def database_url(self, read: Reader) -> str:
        return self.database(read, "DEV_DATABASE_URL", "data-dev.sqlite")

    def direct_database_url(self, read: Reader) -> str:
        return ""


class TestingConfig(DevelopmentConfig):
    """Configuration of the tests, with fixed values that a developer's `.env` cannot change."""

    DEBUG = False
    TESTING = True

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        chosen = environment() if variables is None else variables
        names = ("INSTANCE_PATH", "TEST_DATABASE_URL", "FEATURES_OFF")
        kept = {name: chosen[name] for name in names if name in chosen}
        fixed = {
            "APP_NAME": "Example App",
            "ADMIN_EMAIL": "example-admin@example.com",
            "APP_URL": "http://localhost",
            "FORM_MIN_SECONDS": "0",
        }
        super().__init__(fixed | kept)

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
            self.DATABASE_SETTING = "TEST_DATABASE_URL"
            return "sqlite://"  # in memory
        return self.database(read, "TEST_DATABASE_URL", "")


class ProductionConfig(Config):
    PRODUCTION = True

    def default_app_url(self, read: Reader) -> str:  # no default can be right in production
        return ""

    def default_secret_key(self) -> str:
        return ""

    def check(self) -> list[str]:
        problems = super().check()
        if not self.SECRET_KEY:
            problems.append("SECRET_KEY must be set to a long random value.")
        elif len(self.SECRET_KEY) < SHORTEST_SECRET_KEY:
            problems.append(f"SECRET_KEY must have at least {SHORTEST_SECRET_KEY} characters.")
        elif can_be_guessed(self.SECRET_KEY):
            problems.append(f"SECRET_KEY can be guessed. Make one: {KEY_COMMAND}")
        if not self.APP_URL:
            problems.append(
                "APP_URL must be the URL of the site, such as https://app.example.com. Links in "
                "mails begin with it."
            )
        elif self.HTTPS_ONLY and self.APP_URL.startswith("http:"):
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
    """Configuration of your own Linux server. TRUSTED_PROXIES is the number of its proxies."""


config: dict[str, type[Config]] = {
    "development": DevelopmentConfig,
    "testing": TestingConfig,
    "production": ProductionConfig,
    "heroku": HerokuConfig,
    "unix": UnixConfig,
    "default": DevelopmentConfig,
}


def features_off() -> list[str]:
    """Return the features that FEATURES_OFF switches off."""
    return Reader(environment()).listing("FEATURES_OFF")


def load(name: str | None = None) -> Config:
    """Return the configuration called `name`, else FLASK_CONFIG's, else development's.

    Raises ConfigurationError if the name is unknown or a check fails.
    """
    chosen = name or environment().get("FLASK_CONFIG", "").strip() or "default"
    if chosen not in config:
        raise ConfigurationError(f"FLASK_CONFIG must be one of {', '.join(config)}, not {chosen}.")
    settings = config[chosen]()
    settings.IS_CHOSEN = chosen != "default"
    if problems := settings.check():
        raise ConfigurationError("\n".join(problems))
    return settings


def load_chosen() -> Config:
    """Return FLASK_CONFIG's configuration. Raises ConfigurationError if it is not set."""
    settings = load()
    if not settings.IS_CHOSEN:
        raise ConfigurationError(NOT_CHOSEN)
    return settings
