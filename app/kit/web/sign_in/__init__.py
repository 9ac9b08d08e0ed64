"""Sign in with a second step, and ask for the password again."""
