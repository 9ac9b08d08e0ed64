"""Admin pages that show the queues and their jobs, and retry, cancel or delete jobs."""
