"""Optional capabilities, one folder each. Deleting a folder takes its capability away."""
