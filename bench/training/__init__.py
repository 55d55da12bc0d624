"""From noisy patches to a trained network: patches, network, loop, checkpoints."""
