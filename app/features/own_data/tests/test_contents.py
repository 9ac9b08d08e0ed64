"""Every table with rows of a user is in the download of own data, or says why it is not."""

from app.extensions import db
from app.kit import slots
from tests.routes import rows

OF_USERS = {"user_id", "actor_id", "owner_id"}


def is_of_users(table):
    """Tell whether a table names users, also those that may be erased."""
    names = {column.name for column in table.columns}
    keys = {key.column.table.name for key in table.foreign_keys}
    return bool(OF_USERS & names) or "users" in keys


def test_every_table_of_users_is_in_the_data_or_says_why_not(app, make_user, statements):
    user = make_user()
    tables = {table.name for table in db.metadata.sorted_tables if is_of_users(table)}
    statements.clear()
    dict(slots.data_of(user))
    list(slots.files_of(user))
    read = {name for name in tables if any(f"FROM {name}" in str(one) for one in statements)}
    left_out = rows("NOT_OWN_DATA")
    missing = tables - read - left_out.keys()
    assert not missing, (
        f"Add what {sorted(missing)} knows of a user to the download with @slots.own_data, or the "
        "reason why not to NOT_OWN_DATA in tests/access.py of its feature."
    )
    gone = left_out.keys() - (tables - read)
    assert not gone, f"Remove {sorted(gone)} from NOT_OWN_DATA: the download has it, or it is gone."
