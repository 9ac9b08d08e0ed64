"""Bring a release of the kit into a copy of it.

This package stands beside `app` and imports nothing of it, because an upgrade must end, and be
undone, while the application does not start.
"""
