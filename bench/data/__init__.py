"""Images: found, decoded, checked, and dealt out to test, training and validation sets."""
