"""Which blocks of which weights are zero, and when they become so."""
