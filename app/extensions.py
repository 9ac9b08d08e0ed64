"""Extension objects, not yet bound to an app."""

import time
from typing import Any

from flask import current_app
from flask_assets import Environment
from flask_compress import Compress
from flask_limiter import Limiter
from flask_login import LoginManager, decode_cookie, encode_cookie
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from app.kit.database import migrations
from app.kit.web import origin


class Base(DeclarativeBase):
    """The declarative base. It names constraints, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CarefulLoginManager(LoginManager):
    """A login manager that accepts remember-me cookies of earlier secret keys.

    It ignores malformed cookies instead of raising an error.
    """

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        if not cookie.isascii():  # Comparing it would raise.
            return None
        for key in current_app.config["SECRET_KEY_FALLBACKS"]:
            if token := decode_cookie(cookie, key=key):
                cookie = encode_cookie(token)
        token = decode_cookie(cookie)
        # Flask-Login would replace a newer token in the session cookie with an expired one.
        if token is None or self._user_callback(token) is None:
            return None
        return super()._load_user_from_remember_cookie(cookie)


# SQLite's busy handler polls, so sleep to let other writers in.
PAUSE_ON_SQLITE = 0.02  # seconds

db = SQLAlchemy(model_class=Base)
migrate = Migrate()
migrations.init_app(migrate)
login_manager = CarefulLoginManager()
mail = Mail()
assets = Environment()
compress = Compress()
limiter = Limiter(key_func=origin.visitor_network)


def is_sqlite() -> bool:
    """Tell whether the database is SQLite; otherwise it is PostgreSQL."""
    return bool(db.engine.dialect.name == "sqlite")


def let_others_write() -> None:
    """Pause between the transactions of a batch on SQLite, which has one writer at a time."""
    if is_sqlite():
        time.sleep(PAUSE_ON_SQLITE)
