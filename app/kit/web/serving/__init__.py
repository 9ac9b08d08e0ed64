"""Serve the application with gunicorn: the worker, its waiting line, reloads, and static files."""
