"""Other admins over the kit's own rows. They run in .venv-peers and import nothing of the kit."""
