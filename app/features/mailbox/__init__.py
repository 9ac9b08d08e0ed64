"""Admin pages that show the mails of the outbox, and resend or cancel them."""
