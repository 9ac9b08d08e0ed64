"""The methods that only read, by RFC 9110, section 9.2.1."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
