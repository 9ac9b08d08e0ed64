"""The table of bulk changes."""

from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.kit.operations import listing
from app.kit.tables import Column, Table

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
