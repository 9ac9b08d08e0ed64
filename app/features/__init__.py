"""Optional features, one folder each. Deleting a folder removes its feature."""
