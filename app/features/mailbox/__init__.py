"""Pages on the outbox: every mail as its reader sees it, to send again or cancel."""
