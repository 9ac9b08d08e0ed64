"""Close the site for maintenance, or make it read-only."""
