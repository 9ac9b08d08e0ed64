"""The account pages, a module a journey. Importing it registers them."""

from app.account.views import (
    acting,
    activity,
    changing,
    devices,
    joining,
    leaving,
    resetting,
    signing_in,
)

__all__ = [
    "acting",
    "activity",
    "changing",
    "devices",
    "joining",
    "leaving",
    "resetting",
    "signing_in",
]
