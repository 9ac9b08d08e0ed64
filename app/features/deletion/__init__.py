"""Delete users, restore them for a while, and erase them later."""
