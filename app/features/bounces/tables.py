"""The table of suppressed addresses."""

from app.features.bounces.models import Reason, SuppressedAddress
from app.kit.tables import Choice, Column, RowAction, Table

addresses = Table(
    SuppressedAddress,
    title="Suppressed addresses",
    lead="The app sends no mail to these addresses: earlier mail came back, was reported as spam, "
    "or an administrator stopped it.",
    nouns=("address", "addresses"),
    endpoint="admin.suppressed_addresses",
    columns=[
        Column("email", "Address", main=True, sub=lambda row: row.detail),
        Column("reason", "Reason", badge=True),
        Column("created_at", "Since", nowrap=True, sort=[SuppressedAddress.id]),
    ],
    search=["email"],
    search_label="Find by address",
    filters=[Choice("reason", "Reasons", choices=Reason, is_tabs=True)],
    order="-created_at",
    add=("Stop mail to an address", "admin.add_suppressed_address", "plus-lg"),
    empty=(
        "envelope-check",
        "No address is suppressed",
        "Addresses whose mail comes back are listed here.",
    ),
    no_match=("No address matches", "Try part of an address, or another reason."),
    row_actions=[
        RowAction("Allow mail again", "admin.remove_suppressed_address", icon="envelope-check")
    ],
)
