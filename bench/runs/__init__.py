"""The run directory: whose it is, what is in it, and how far it is."""
