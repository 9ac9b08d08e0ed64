"""Development pages: inbox, mail gallery, patterns and live reload. Disabled in production."""

from app.features.devtools.blueprint import dev, is_allowed

__all__ = ["dev", "is_allowed"]
