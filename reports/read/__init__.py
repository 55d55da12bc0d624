"""A run directory as plain data: read from files that are not trusted."""
