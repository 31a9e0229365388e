"""The end of a growing sequence, as far back as it is still needed."""

import numpy as np
from numpy.typing import NDArray

_CAPACITY = 64  # rows at first


class Tail:
    """Rows (N, ...) float32, appended at the end and dropped at the start, in one buffer.

    Args:
        zeros: rows of zeros to begin with.
        shape: of a row.
        margin: zeros before and after along the first axis of every row, not in `shape`.
    """

    def __init__(self, zeros: int, shape: tuple[int, ...] = (), margin: int = 0) -> None:
        self._inner = slice(None)
        if margin:
            self._inner = slice(margin, margin + shape[0])
            shape = (shape[0] + 2 * margin, *shape[1:])
        self._margin = margin
        self._buffer = np.zeros((zeros + _CAPACITY, *shape), np.float32)
        self._first, self._stop = 0, zeros
        self._owed = 0  # rows dropped before they came

    def __len__(self) -> int:
        return self._stop - self._first

    @property
    def capacity(self) -> int:
        """Rows that the buffer has room for."""
        return len(self._buffer)

    @property
    def rows(self) -> NDArray[np.float32]:
        """What is kept, margins included; a view, until the next `append`."""
        return self._buffer[self._first : self._stop]

    def append(self, rows: NDArray) -> None:
        """Add rows, without their margins, at the end."""
        if self._owed:
            late = min(self._owed, len(rows))
            self._owed, rows = self._owed - late, rows[late:]
        count = len(rows)
        if self._stop + count > len(self._buffer):
            self._make_room(count)
        added = self._buffer[self._stop : self._stop + count]
        if self._margin:
            added[:, self._inner] = rows
        else:
            added[...] = rows
        self._stop += count

    def drop(self, count: int) -> None:
        """Forget rows at the start; of those yet to come, if there are not as many."""
        kept = min(count, len(self))
        self._first += kept
        self._owed += count - kept

    def _make_room(self, count: int) -> None:
        kept = self.rows
        needed = len(kept) + count
        if 2 * needed > len(self._buffer):
            shape = (2 * needed, *self._buffer.shape[1:])
            self._buffer = np.zeros(shape, np.float32)
        self._buffer[: len(kept)] = kept  # numpy copies first where the two overlap
        self._first, self._stop = 0, len(kept)
