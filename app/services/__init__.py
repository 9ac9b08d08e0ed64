"""The use cases of the app, as functions with a module for each noun. Only services commit."""
