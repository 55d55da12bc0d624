"""What every method and every base of noise owes: checks that find what is wrong with one, each in a sentence."""
