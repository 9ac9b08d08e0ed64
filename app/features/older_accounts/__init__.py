"""Accounts from a database of flask-base. Features take over tables of their own."""

from app.features.older_accounts.report import TakeOverReport
from app.features.older_accounts.tables import takes_over

__all__ = ["TakeOverReport", "takes_over"]
