"""The resources of the core: one's own account, users and roles."""
