"""The errors of a place for files."""


class Away(Exception):
    """The folder or the bucket cannot be used. The message is its reason in a few words."""


class Missing(Exception):
    """The place has no such file."""
