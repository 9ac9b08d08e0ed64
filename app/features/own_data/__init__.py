"""Users download the data about themselves."""
