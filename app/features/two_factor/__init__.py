"""Sign in with a second factor: codes of an authenticator app, and recovery codes."""
