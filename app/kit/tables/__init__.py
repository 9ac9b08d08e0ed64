"""Provide the parts that all lists of the admin area share."""
