"""The one answer to files that no import can be made of."""


class Unreadable(Exception):
    """The file cannot be imported; the message says why, and what to do."""
