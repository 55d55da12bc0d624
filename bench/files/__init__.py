"""Files on disk: whole or not at all, and checked by hash and shape when they are read."""
