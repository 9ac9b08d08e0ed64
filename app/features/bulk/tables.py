"""The table of bulk changes, and the filters of the users to change."""

from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.kit.operations import listing
from app.kit.tables import Column, Table, asked
from app.kit.tables.asked import Asked
from app.kit.tables.table import declared_at


def read_users(given: Mapping[str, str]) -> Asked:
    """Read the filters of the list of users. A notice names each that makes no sense."""
    return asked.read(declared_at("admin.registered_users"), MultiDict(given))


operations = Table(
    BulkOperation,
    title="Bulk changes",
    nouns=("bulk change", "bulk changes"),
    endpoint="admin.bulk_operations",
    columns=[
        Column(
            "change",
            "Change",
            value=bulk.title,
            main=True,
            link="admin.bulk_operation",
            sort=[],
        ),
        *listing.columns(BulkOperation),
    ],
    order=listing.NEWEST_FIRST,
    where=[listing.is_confirmed(BulkOperation)],
    live=True,
    empty=("ui-checks", "No bulk changes yet", "Select people in the list, then choose an action."),
)
