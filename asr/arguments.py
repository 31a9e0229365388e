"""Types of command-line numbers, for argparse."""

import argparse


def count(text: str) -> int:
    """A whole number above 0."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def seconds(text: str) -> float:
    """A finite number of seconds, 0 or more."""
    return _not_negative(text, "a number of seconds, 0 or more")


def fraction(text: str) -> float:
    """A finite share, 0 or more; above 1 for a share of something smaller."""
    return _not_negative(text, "a fraction, 0.05 for 5 %")


def sparsity(text: str) -> float:
    """A share of zeros, from 0 to below 1."""
    if (share := fraction(text)) >= 1:
        raise argparse.ArgumentTypeError(f"expected a fraction below 1, 0.9 for 90 %, got {text!r}")
    return share


def positive_seconds(text: str) -> float:
    """A finite number of seconds above 0."""
    if (number := seconds(text)) == 0:
        raise argparse.ArgumentTypeError("expected a number of seconds above 0, got 0")
    return number


def _not_negative(text: str, expected: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return number
