"""Back up the database and the stored files, and restore them."""
