"""The machinery between a request of a program and the resource that answers it."""
