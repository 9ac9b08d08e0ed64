"""Run other admins on the kit's own rows, in .venv-peers and without imports of the kit."""
