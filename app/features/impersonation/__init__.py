"""Signing in as another user, to see what they see."""
