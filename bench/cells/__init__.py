"""One cell, from its network to its record: train or load, denoise, score, store."""
