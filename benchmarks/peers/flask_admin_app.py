"""Serve Flask-Admin for the kit's users, without a sign-in: `create_app()`."""

import os

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect

COLUMNS = (
    "email", "first_name", "last_name", "role.name", "confirmed", "created_at", "last_seen_at",
)  # fmt: skip

PROJECT_COLUMNS = ("name", "owner", "status", "budget", "hours", "due_on", "created_at")


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)
    with app.app_context():
        has_projects = inspect(db.engine).has_table("projects")
        tables = ["users", "roles", *(["projects"] if has_projects else [])]
        db.metadata.reflect(db.engine, only=tables)

    class Role(db.Model):
        __table__ = db.metadata.tables["roles"]

    class Person(db.Model):
        __table__ = db.metadata.tables["users"]
        role = db.relationship(Role)

        def __str__(self) -> str:
            return f"{self.first_name} {self.last_name}"

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

    admin = Admin(app)
    admin.add_view(PersonView(Person, db.session, endpoint="person"))
    if has_projects:
        _add_projects(admin, db, Person)
    return app


def _add_projects(admin: Admin, db: SQLAlchemy, person: type) -> None:
    """Show the table that `manage.py new` wrote."""

    class Project(db.Model):
        __table__ = db.metadata.tables["projects"]
        owner = db.relationship(person)

    class ProjectView(ModelView):
        column_list = PROJECT_COLUMNS
        column_searchable_list = ("name", "notes")
        page_size = 100
        can_create = can_edit = False

    admin.add_view(ProjectView(Project, db.session, endpoint="project"))
