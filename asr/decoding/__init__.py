"""Log-probabilities to labels: what a decoder is, and one file for each search."""
