"""Ask the browser of a visitor who registers for a proof of work."""
