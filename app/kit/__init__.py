"""Machinery that no product has to read: it knows no user and no feature."""
