"""Note the mail that comes back, and send no more to addresses that do not take it."""
