"""Posts, comments, followers and pages of members: a small social application."""
