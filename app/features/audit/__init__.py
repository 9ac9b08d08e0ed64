"""The audit trail as pages: searched, filtered, exported."""
