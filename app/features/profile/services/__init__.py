"""The services of profiles."""
