"""Process requests before the view, and responses after it."""
