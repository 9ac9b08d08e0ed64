"""Tell users by mail of sign-ins from a new device or network."""
