"""Inviting users, who choose their own password."""
