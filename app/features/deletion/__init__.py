"""Delete users, restore them for a while, and erase them later."""

from app.features.deletion.deletions import DELETE

__all__ = ["DELETE"]
