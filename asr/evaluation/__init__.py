"""Trained models on test sets: hypotheses, error counts and a `result.json` for each pair."""
