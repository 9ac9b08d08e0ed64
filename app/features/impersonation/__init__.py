"""Sign in as another user, to see the app as that user does."""
