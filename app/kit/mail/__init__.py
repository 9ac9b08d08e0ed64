"""Provide the outbox, whose rows are rendered when they are sent, and the SMTP transport."""
