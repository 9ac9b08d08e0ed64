"""Development pages: inbox, mail gallery, patterns and live reload. Disabled in production."""
