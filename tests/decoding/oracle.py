"""Brute force: every alignment of a short input, and a language model read line by line."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# words.kenlm is what KenLM itself (Config::write_mmap) writes on loading words.arpa.
MODELS = Path(__file__).with_name("models")
LN10 = math.log(10)


def random_log_probs(
    frames: int, labels: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Log-probabilities (S, V) of labels that are none of them hopeless."""
    scores = 1.5 * generator.standard_normal((frames, labels))
    return (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)


def all_texts(log_probs: NDArray[np.float32], texts: Sequence[str]) -> dict[str, float]:
    """ln p of every text that some alignment gives, its words apart by single spaces."""
    frames, labels = log_probs.shape
    rows = log_probs.astype(np.float64).tolist()
    found: dict[str, list[float]] = {}
    for path in itertools.product(range(labels), repeat=frames):
        joined = "".join(texts[label] for label, _ in itertools.groupby(path))
        score = sum(row[label] for row, label in zip(rows, path, strict=True))
        found.setdefault(" ".join(joined.split()), []).append(score)
    return {text: float(np.logaddexp.reduce(scores)) for text, scores in found.items()}


class Arpa:
    """A back-off model: p(w | h) is its n-gram's, else backoff(h) times that of a shorter h."""

    def __init__(self, path: Path) -> None:
        self.rows: dict[tuple[str, ...], tuple[float, float]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            log, _, rest = line.partition("\t")
            if rest:
                words, _, backoff = rest.partition("\t")
                self.rows[tuple(words.split(" "))] = (float(log), float(backoff or 0))
        self.words = {words[0] for words in self.rows if len(words) == 1}

    def log10(self, history: tuple[str, ...], word: str) -> float:
        if (*history, word) in self.rows:
            return self.rows[*history, word][0]
        backoff = self.rows.get(history, (0.0, 0.0))[1]
        return backoff + self.log10(history[1:], word)

    def fused(self, text: str, weight: float, bonus: float, unknown: float) -> float:
        """What fusion adds to a text's score: words, their bonuses, and the end of the sentence."""
        history, total = ["<s>"], 0.0
        for word in text.split():
            known = word if word in self.words else "<unk>"
            log = self.log10(tuple(history), known) + (unknown if known == "<unk>" else 0.0)
            total += weight * log * LN10 + bonus
            history.append(known)
        return total + weight * self.log10(tuple(history), "</s>") * LN10
