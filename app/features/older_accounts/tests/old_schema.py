"""The tables of flask-base, as its models made them on SQLite and on PostgreSQL, with rows."""

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

SCHEMA = """
CREATE TABLE roles (
    id {serial} PRIMARY KEY, name VARCHAR(64), "index" VARCHAR(64), "default" BOOLEAN,
    permissions INTEGER, UNIQUE (name)
);
CREATE INDEX ix_roles_default ON roles ("default");
CREATE TABLE users (
    id {serial} PRIMARY KEY, confirmed BOOLEAN, first_name VARCHAR({name}),
    last_name VARCHAR({name}), email VARCHAR({name}), password_hash VARCHAR({hash}),
    role_id INTEGER, phone VARCHAR(20), FOREIGN KEY(role_id) REFERENCES roles (id)
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE TABLE editable_html (
    id {serial} PRIMARY KEY, editor_name VARCHAR(100), value TEXT, UNIQUE (editor_name)
);
CREATE TABLE posts (id {serial} PRIMARY KEY, body TEXT);
"""


def make(url: str, users: list[dict[str, object]], roles: list[dict[str, object]]) -> None:
    """Create the tables in the empty database at `url`, with these rows and a page."""
    engine = create_engine(url, poolclass=NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    # SQLite enforces no length, so its databases hold longer values.
    sizes = {"serial": "INTEGER" if is_sqlite else "SERIAL", "name": 300, "hash": 300}
    with engine.begin() as connection:
        for statement in SCHEMA.format(**sizes).split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
        for role in roles:
            connection.execute(
                text(
                    'INSERT INTO roles (id, name, "index", "default", permissions) '
                    "VALUES (:id, :name, 'main', false, :permissions)"
                ),
                role,
            )
        for user in users:
            names = ", ".join(user)
            values = ", ".join(f":{name}" for name in user)
            connection.execute(text(f"INSERT INTO users ({names}) VALUES ({values})"), user)  # noqa: S608
        connection.execute(
            text("INSERT INTO editable_html (editor_name, value) VALUES ('about', :value)"),
            {"value": "<p>Our story</p><script>x</script>"},
        )
