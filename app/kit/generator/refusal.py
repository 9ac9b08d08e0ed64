"""Define the exception of everything that the generator refuses."""


class Refused(Exception):
    """The feature cannot be written, and nothing was. The message says what to do."""
