"""The application factory, which puts the parts of the app together."""

from collections.abc import Mapping
from functools import cache

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from app import (
    cli,
    errors,
    gates,
    session_hooks,
    sign_in,
    tasks,  # noqa: F401 - tasks registers itself
    templating,
)
from app.account import account
from app.admin import admin
from app.extensions import compress, db, login_manager, migrate
from app.extensions import mail as flask_mail  # app.kit.mail.transport is a module
from app.kit import assets, money, queue, slots, storage
from app.kit.audit import event_log  # noqa: F401 - registers itself
from app.kit.database import engines, migrations
from app.kit.features import loading
from app.kit.web import bodies, cookies, headers, identity, limits, table_pages, token_pages
from app.kit.web import errors as kit_errors
from app.kit.web.csrf import csrf
from app.kit.web.forms import attributes, stale_forms
from app.kit.web.gatekeeper import check_gates
from app.kit.web.ids import IdConverter
from app.kit.web.logs import request_log
from app.kit.web.serving import static_files
from app.kit.web.sign_in import second_step_pages
from app.kit.web.sign_in.second_step_pages import SignInCallbacks
from app.main import main
from app.models import User

FEATURES = loading.load()


def create_app(
    config_name: str | None = None, overrides: Mapping[str, object] | None = None
) -> Flask:
    """Create an app with the configuration called `config_name`, by default FLASK_CONFIG's.

    Raises config.ConfigurationError if the settings are invalid.
    """
    settings = config.load(config_name)
    app = Flask(__name__, instance_path=str(settings.INSTANCE_PATH))
    app.config.from_object(settings)
    app.config.from_mapping(overrides or {})
    app.url_map.converters["int"] = IdConverter
    loading.find_templates(app)
    add_wsgi_layers(app)
    init_extensions(app)
    add_request_hooks(app)
    register_blueprints(app)
    cli.init_app(app)
    loading.plug_in(app, FEATURES)
    check_gates(app)
    slots.check(app)
    table_pages.check(app)
    return app


def add_wsgi_layers(app: Flask) -> None:
    own_host = app.config["TRUSTED_HOSTS"][0]
    app.wsgi_app = headers.HostReader(app, own_host)  # type: ignore[method-assign,assignment]
    static_files.init_app(app)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0, x_port=0, x_prefix=0
        )


def init_extensions(app: Flask) -> None:
    request_log.init_app(app)
    is_pooled = bool(app.config["DATABASE_DIRECT_URL"])
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engines.engine_options(
        app.config["SQLALCHEMY_DATABASE_URI"], is_pooled=is_pooled
    )
    db.init_app(app)
    with app.app_context():
        engines.watch(db.engine, is_pooled=is_pooled)
    # SQLite cannot alter a column: batch mode lets it run the same migrations as PostgreSQL.
    migrations.init_app(migrate)
    migrate.init_app(app, db, render_as_batch=True, compare_type=True)
    login_manager.init_app(app)
    flask_mail.init_app(app)
    queue.init_app(app)
    compress.init_app(app)
    assets.init_app(app)
    templating.init_app(app)
    money.init_app(app)
    storage.init_app(app)
    request_log.log_requests(app)


def add_request_hooks(app: Flask) -> None:
    """Register the hooks of each request, in the order in which they run."""
    # Flask examines every hook and view anew on each request: see record 17.
    app.ensure_sync = cache(app.ensure_sync)  # type: ignore[method-assign]
    app.session_interface = cookies.CookieSessionInterface()
    headers.init_app(app)
    bodies.init_app(app)
    token_pages.init_app(app)
    app.before_request(identity.run_checks)
    csrf.init_app(app)
    attributes.speed_up()
    limits.init_app(app)
    app.before_request(session_hooks.note_activity)
    gates.init_app(app)
    app.after_request(session_hooks.send_renewed_token)
    callbacks = SignInCallbacks(
        load_user=lambda user_id: db.session.get(User, user_id),
        complete=sign_in.complete,
        login="account.login",
        home="main.index",
    )
    second_step_pages.init_app(app, callbacks)
    kit_errors.init_app(app)
    stale_forms.init_app(app)
    errors.init_app(app)


def register_blueprints(app: Flask) -> None:
    app.register_blueprint(main)
    app.register_blueprint(account, url_prefix="/account")
    app.register_blueprint(admin, url_prefix="/admin")
