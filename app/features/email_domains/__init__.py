"""Allow or refuse email addresses by their domain."""
