"""What has to be fast, measured side by side with something bare: `python -m benchmarks`."""
