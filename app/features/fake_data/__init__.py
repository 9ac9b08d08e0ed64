"""Fake users for development."""
