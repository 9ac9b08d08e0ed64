"""Made-up users to try things out with."""
