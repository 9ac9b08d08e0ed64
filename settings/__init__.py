"""Parse and check settings: typed values, hosts, email addresses, URLs."""
