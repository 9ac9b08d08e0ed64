"""Pages to make, edit and delete roles."""
