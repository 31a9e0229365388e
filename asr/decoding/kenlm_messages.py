"""What KenLM writes to stderr while it loads a model: warnings pass, progress does not."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRESS = ("Loading the LM will be faster", "Reading ", "----5---10", "****")


@contextmanager
def only_warnings() -> Iterator[None]:
    """Hold back what compiled code writes to stderr; pass on what is no progress, at the end."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        try:
            os.dup2(held.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode("utf-8", "replace").splitlines():
                if not line.startswith(_PROGRESS):
                    print(line, file=sys.stderr)
