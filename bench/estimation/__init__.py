"""The law of the noise in images without clean ones: its correlation, its curve over brightness, its base and parameters."""
