"""What settings are made of: typed values, hosts, email addresses, URLs."""
