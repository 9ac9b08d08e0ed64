"""Provide the machinery below the product. It depends on no user and on no feature."""
