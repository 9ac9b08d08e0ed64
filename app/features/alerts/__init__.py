"""Tell administrators by mail what the checks of the health pages find."""
