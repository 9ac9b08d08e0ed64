"""Measure the speed of the kit side by side with bare apps: `python -m benchmarks`."""
