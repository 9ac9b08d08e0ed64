"""The table of bulk changes, and the filters of the users to change."""

from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.features.user_search import Filters
from app.kit.operations import listing
from app.kit.tables import Column, Table, asked
from app.kit.tables.table import declared_at


def read_filters(given: Mapping[str, str]) -> tuple[Filters, list[str]]:
    """Return the filters of the list of users, and a notice for each that makes no sense."""
    found = asked.read(declared_at("admin.registered_users"), MultiDict(given))
    return Filters.of(found), found.notices


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
