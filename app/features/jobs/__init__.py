"""Pages on the queues: jobs, their arguments and errors, and what can be done to them."""
