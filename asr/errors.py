"""The one exception a user is meant to read: what was expected, what came, what to do."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class InputError(ValueError):
    """Something the user gave cannot be used.

    Entry points print the message alone and exit with 1 (`report_input_errors`); everything
    else that goes wrong is a bug and keeps its traceback.
    """

    def __init__(self, subject: str, *, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"{subject}: expected {expected}, got {got}. {remedy}")
        self.parts = (subject, expected, got, remedy)

    def about(self, subject: str) -> "InputError":
        """The same of something else: of a file, where what failed knew its samples alone."""
        return _rebuild(type(self), (subject, *self.parts[1:]))

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling out of a loader's worker.
        return _rebuild, (type(self), self.parts)


def _rebuild(kind: type[InputError], parts: tuple[str, str, str, str]) -> InputError:
    subject, expected, got, remedy = parts
    return kind(subject, expected=expected, got=got, remedy=remedy)


def report_input_errors(main: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command's main function: an `InputError` is printed to stderr and exits with 1."""

    @functools.wraps(main)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return main(*args, **kwargs)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    return wrapped
