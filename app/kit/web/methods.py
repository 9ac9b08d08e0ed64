"""Tell methods that only read from those that change something (RFC 9110, section 9.2.1)."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
