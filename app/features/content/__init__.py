"""Pages with text that administrators can edit."""
