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
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds, 0 or more, got {text!r}")
    return number


def positive_seconds(text: str) -> float:
    """A finite number of seconds above 0."""
    if (number := seconds(text)) == 0:
        raise argparse.ArgumentTypeError("expected a number of seconds above 0, got 0")
    return number
