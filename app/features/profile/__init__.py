"""Profiles of users: a picture of oneself."""
