"""Send events of the audit trail to other programs, as signed webhooks."""
