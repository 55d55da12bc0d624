"""A process and its surroundings: signals that ask it to stop, and outputs whose reader may go."""
