"""Pages for developing the application: inbox, patterns, live reload. None in production."""
