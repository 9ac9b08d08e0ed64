"""Serve Flask-Admin for the kit's users, without a sign-in: `create_app()`."""

import os

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy

COLUMNS = (
    "email", "first_name", "last_name", "role.name", "confirmed", "created_at", "last_seen_at",
)  # fmt: skip


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)
    with app.app_context():
        db.metadata.reflect(db.engine, only=["users", "roles"])

    class Role(db.Model):
        __table__ = db.metadata.tables["roles"]

    class Person(db.Model):
        __table__ = db.metadata.tables["users"]
        role = db.relationship(Role)

    class PersonView(ModelView):
        column_list = COLUMNS
        column_searchable_list = ("email", "first_name", "last_name")
        page_size = 100
        can_export = True
        # Roles are loaded lazily, and an export has no session for that.
        column_export_list = (*COLUMNS[:3], "role_id", *COLUMNS[4:])
        export_max_rows = None
        # A form would need columns that only the kit understands.
        can_create = can_edit = False

    Admin(app).add_view(PersonView(Person, db.session, endpoint="person"))
    return app
