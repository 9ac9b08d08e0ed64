"""Admin pages to create, edit and delete roles."""
