"""Which lines of a manifest can be trained on, and the name and reason of every other."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from asr.checkpoint import TrainedModel
from asr.data.manifest import Utterance
from asr.files import atomic_write
from asr.text import Normaliser, Vocabulary


@dataclass(frozen=True, slots=True)
class Selection:
    """What is trained on, and what is not."""

    kept: list[Utterance]  # with normalised texts
    needed: NDArray[np.int64]  # (kept,) labels and repeats
    left_out: dict[str, list[Utterance]]  # by reason

    def summary(self, examples: int = 3) -> str:
        """One line a reason: how many, and the first few by name."""
        total = len(self.kept) + sum(map(len, self.left_out.values()))
        lines = [f"{len(self.kept)} of {total} utterances"]
        for reason, utterances in self.left_out.items():
            names = ", ".join(utterance.id for utterance in utterances[:examples])
            more = ", ..." if len(utterances) > examples else ""
            lines.append(f"  left out {len(utterances)}: {reason} ({names}{more})")
        return "\n".join(lines)

    def write_left_out(self, path: Path) -> None:
        """Name every utterance that is left out, with the reason, in one JSON object a line."""
        with atomic_write(path) as file:
            for reason, utterances in self.left_out.items():
                for utterance in utterances:
                    # In ASCII, since a text may hold what UTF-8 cannot.
                    file.write(json.dumps({"id": utterance.id, "reason": reason}) + "\n")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One cause for which training leaves an utterance out."""

    kind: str
    reason: str  # the same for all utterances left out for the same cause
    detail: str  # of this utterance


def normalised(utterances: Sequence[Utterance], normaliser: Normaliser) -> list[Utterance]:
    """The same utterances with normalised texts."""
    return [
        utterance
        if (text := normaliser(utterance.text)) == utterance.text
        else Utterance(  # `replace` takes three times as long
            utterance.id,
            utterance.audio,
            utterance.seconds,
            text,
            utterance.offset,
            utterance.speaker,
        )
        for utterance in utterances
    ]


def select(
    utterances: Sequence[Utterance],
    vocabulary: Vocabulary,
    output_frames: Callable[[np.ndarray], np.ndarray],
    *,
    min_seconds: float,
    max_seconds: float,
) -> Selection:
    """Keep what CTC can learn from.

    Args:
        utterances: with normalised texts.
        vocabulary: decides what can be written, and in how many labels.
        output_frames: seconds (utterances,) to the model's output frames (utterances,).
        min_seconds: shortest utterance.
        max_seconds: longest utterance.
    """
    seconds = np.array([utterance.seconds for utterance in utterances])
    frames = output_frames(seconds).tolist()
    kept: list[Utterance] = []
    needed: list[int] = []
    left_out: dict[str, list[Utterance]] = {}
    for utterance, available in zip(utterances, frames, strict=True):
        labels = vocabulary.frames_needed(utterance.text)
        found = obstacles(
            utterance,
            vocabulary,
            labels,
            available,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
        )
        if (first := next(found, None)) is not None:
            left_out.setdefault(first.reason, []).append(utterance)
        else:
            assert labels is not None  # that is an obstacle
            kept.append(utterance)
            needed.append(labels)
    return Selection(kept, np.array(needed, dtype=np.int64), left_out)


def output_frames(trained: TrainedModel, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Output frames of the model for so many seconds (utterances,)."""
    samples = np.round(seconds * trained.features.sample_rate).astype(np.int64)
    frames: NDArray[np.int64] = trained.model.output_lengths(trained.features.frames(samples))
    return frames


def obstacles(
    utterance: Utterance,
    vocabulary: Vocabulary,
    needed: int | None,
    frames: int,
    *,
    min_seconds: float,
    max_seconds: float,
) -> Iterator[Obstacle]:
    """Every cause for which training leaves an utterance out; the first one is its reason.

    Args:
        utterance: with a normalised text.
        vocabulary: the one that `needed` was counted with.
        needed: the vocabulary's `frames_needed` of the text.
        frames: output frames of the model.
        min_seconds: shortest utterance.
        max_seconds: longest utterance.
    """
    length = f"{utterance.seconds:.3f} s"
    if not utterance.text:
        yield Obstacle("empty text", "empty text", "nothing is left of it")
    if utterance.seconds < min_seconds:
        yield Obstacle("too short", f"shorter than {min_seconds:g} s", length)
    if utterance.seconds > max_seconds:
        yield Obstacle("too long", f"longer than {max_seconds:g} s", length)
    if needed is None:
        unknown = vocabulary.unknown(utterance.text)
        reason = f"outside the vocabulary: {shown(unknown)}"
        yield Obstacle("outside the vocabulary", reason, counted(unknown))
    elif not alignable(needed, frames):
        reason = "too few output frames for its labels and repeats"
        detail = f"{needed} labels and repeats in {frames} output frames"
        yield Obstacle("not alignable", reason, detail)


@overload
def alignable(needed: int, frames: int) -> bool: ...
@overload
def alignable(needed: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.bool_]: ...
def alignable(needed: Any, frames: Any) -> Any:
    """Whether CTC can align so many labels and repeats with so many output frames."""
    return needed <= frames


def shown(characters: Counter[str]) -> str:
    """The characters, quoted, in order."""
    return " ".join(repr(character) for character in sorted(characters))


def counted(characters: Counter[str]) -> str:
    """The characters, quoted, with their counts, in order."""
    return ", ".join(f"{character!r} x{characters[character]}" for character in sorted(characters))
