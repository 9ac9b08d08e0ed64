"""Import users from CSV: invite, create or update them by their emails."""

from app.features.imports.services.people import PEOPLE

__all__ = ["PEOPLE"]
