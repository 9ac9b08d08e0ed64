"""Copy a database of SQLite with all its rows into PostgreSQL."""
