"""That no test image, nor a part of one, is in the training set."""
