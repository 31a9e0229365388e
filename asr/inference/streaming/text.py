"""Labels to text as they come; those before are not decoded again."""

from collections.abc import Sequence

from asr.text import Vocabulary


class GrowingText:
    """The text of all labels so far, its words apart by single spaces.

    A label is decoded beside the one before it, since a byte pair at the beginning of a text
    loses the space that it begins with.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._before: list[int] = []  # the last label
        self._settled = ""  # whole words
        self._open = ""  # the word that may go on
        self.text = ""

    def append(self, labels: Sequence[int]) -> None:
        """Add labels, repeats joined and blanks dropped."""
        if not labels:
            return
        known = len(self._vocabulary.decode(self._before))
        raw = self._open + self._vocabulary.decode([*self._before, *labels])[known:]
        self._before = [labels[-1]]
        words = raw.split()
        self._open = words.pop() if words and not raw[-1].isspace() else ""
        self._settled = " ".join([self._settled, *words] if self._settled else words)
        self.text = f"{self._settled} {self._open}".strip()
