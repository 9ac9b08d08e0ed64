"""Let new accounts wait until an administrator approves them."""
