"""Everything between a request and a view, and between a view and its answer."""
