"""A recurrent layer by our kernel and by what else a user could run, side by side."""
