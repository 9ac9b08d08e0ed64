"""Save the search, filters, order, columns and page size of a list under a name."""
