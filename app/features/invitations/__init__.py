"""Invite users, who then choose their own password."""
