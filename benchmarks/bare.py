"""Provide bare apps for comparison, which do the same work with Flask and its extensions only.

Each function creates an app for gunicorn: `gunicorn "benchmarks.bare:login_page()"`.
"""

import hashlib
import os
from pathlib import Path

from flask import Flask, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_compress import Compress
from flask_login import LoginManager, UserMixin, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from sqlalchemy import Table
from wtforms import BooleanField, EmailField, PasswordField, SubmitField
from wtforms.validators import DataRequired, Email

STATIC = Path(__file__).parent.parent / "app" / "static"


def login_page() -> Flask:
    """Create an app with Flask, Jinja and WTForms: a sign-in form with the kit's fields."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]

    class LoginForm(FlaskForm):
        email = EmailField("Email", [DataRequired(), Email()])
        password = PasswordField("Password", [DataRequired()])
        remember_me = BooleanField("Keep me signed in on this device")
        submit = SubmitField("Sign in")

    @app.route("/", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        form = LoginForm()
        if form.validate_on_submit():
            return redirect("/")
        return render_template("login.html", form=form)

    return app


def signed_in_page() -> Flask:
    """Create an app with Flask, Jinja and Flask-Login: a page that loads the user."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)
    login_manager = LoginManager(app)
    with app.app_context():
        users = Table("users", db.metadata, autoload_with=db.engine)

    class User(UserMixin, db.Model):
        __table__ = users

    @login_manager.user_loader
    def load_user(user_id: str) -> User | None:
        return db.session.get(User, int(user_id))

    @app.get("/sign-in/<email>")
    def sign_in(email: str) -> ResponseReturnValue:
        login_user(db.session.scalars(db.select(User).filter_by(email=email)).one())
        return "Signed in"

    @app.get("/")
    @login_required
    def home() -> ResponseReturnValue:
        return render_template("home.html")

    return app


def token_view() -> Flask:
    """Create an app with Flask and SQLAlchemy: a view that looks up the token of the request."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)
    with app.app_context():
        users = Table("users", db.metadata, autoload_with=db.engine)
        tokens = Table("api_tokens", db.metadata, autoload_with=db.engine)

    class User(db.Model):
        __table__ = users

    class Token(db.Model):
        __table__ = tokens
        user = db.relationship(User)

    @app.get("/")
    def me() -> ResponseReturnValue:
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
        secret_hash = hashlib.sha256(secret.encode()).hexdigest()
        query = db.select(Token).filter_by(secret_hash=secret_hash)
        token = db.session.scalar(query.options(db.joinedload(Token.user)))
        if token is None:
            abort(401)
        user = token.user
        return jsonify(
            id=user.id, email=user.email, first_name=user.first_name, last_name=user.last_name
        )

    return app


def static_files() -> Flask:
    """Create an app that serves Flask's static files, compressed on the fly by Flask-Compress."""
    app = Flask(__name__, static_folder=STATIC)
    Compress(app)
    return app
