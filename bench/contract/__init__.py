"""What every method owes: checks that find what is wrong with one, each in a sentence."""
