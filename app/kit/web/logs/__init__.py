"""Write the lines of the log, in text or JSON, without secrets."""
