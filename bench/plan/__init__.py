"""What a run consists of before any work: its settings, seeds, cells and training keys."""
