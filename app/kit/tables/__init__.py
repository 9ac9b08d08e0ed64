"""Parts that every list of the admin area shares."""
