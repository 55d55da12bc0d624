"""The commands of the command line, one file each, what their words mean, and `bench.evaluate`."""
