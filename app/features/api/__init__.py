"""The API for programs, at /api/v1, and the tokens with which they use it."""
