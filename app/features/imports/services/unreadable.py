"""The error for files that cannot be imported."""


class Unreadable(Exception):
    """The file cannot be imported. The message says why, and what to do."""
