"""Refuse new passwords that appeared in a data breach."""
