"""Show bulk actions and imports as pages."""
