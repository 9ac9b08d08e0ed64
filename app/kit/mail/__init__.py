"""The outbox: messages as rows, rendered at the moment of sending, and the SMTP transport."""
