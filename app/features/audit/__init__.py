"""Search, filter and export the audit trail."""
