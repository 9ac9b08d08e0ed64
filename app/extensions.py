"""Extension objects, not yet bound to an app."""

from flask_assets import Environment
from flask_compress import Compress
from flask_limiter import Limiter
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from app.kit.web import origin
from app.kit.web.sign_in.login import CarefulLoginManager


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


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
login_manager = CarefulLoginManager()
mail = Mail()
assets = Environment()
compress = Compress()
limiter = Limiter(key_func=origin.visitor_network)


def is_sqlite() -> bool:
    """Tell whether the database is SQLite; otherwise it is PostgreSQL."""
    return bool(db.engine.dialect.name == "sqlite")
