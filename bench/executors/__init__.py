"""Where cells are done: by processes of this machine, by Ray, by Slurm."""
