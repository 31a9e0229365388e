"""All seeds of one setting on one test set: one system, whose counts are means over the seeds."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from asr.errors import InputError
from asr.evaluation.result import (
    HYPOTHESES,
    RESULT,
    Hypothesis,
    Result,
    read_hypotheses,
    read_result,
)
from asr.statistics.alignment import Slots, slots


@dataclass(frozen=True, eq=False)
class System:
    """Results of all seeds of one setting, on one test set and with one decoder.

    Counts are means over the seeds within each utterance, so that what is resampled is the
    utterance: seeds share their utterances and are no further sample of speech.
    """

    group_key: str
    manifest_sha256: str
    decoder: str
    results: tuple[Result, ...]  # of each seed, by seed
    ids: tuple[str, ...]  # of N utterances, in the manifest's order
    speakers: tuple[str, ...]
    seconds: NDArray[np.float64]  # (N,) of audio
    references: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]  # seed, utterance
    word_errors: NDArray[np.float64]  # (N,) mean over seeds
    words: NDArray[np.float64]  # (N,) of the references
    character_errors: NDArray[np.float64]  # (N,) mean over seeds
    characters: NDArray[np.float64]  # (N,) of the references

    @property
    def wer(self) -> float:
        """Pooled: all errors by all reference words."""
        return float(self.word_errors.sum() / self.words.sum())

    @property
    def cer(self) -> float:
        """Pooled, likewise."""
        return float(self.character_errors.sum() / self.characters.sum())

    @cached_property
    def slots(self) -> Slots:
        """Word errors by their place in the references, mean over the seeds."""
        return slots(self.references, self.texts)

    @property
    def name(self) -> str:
        """For messages and tables."""
        first = self.results[0]
        block = f" {first.block}" if first.block else ""
        return f"{first.experiment}/{self.group_key} ({first.method}{block})"


def read_systems(folders: Iterable[Path]) -> list[System]:
    """Systems from eval folders, each holding result.json and hypotheses.jsonl of one run.

    Results of one group key, manifest, decoder and language model are one system; systems come
    in the order of their first folder.

    Raises:
        InputError: a file is missing or damaged, the two do not belong together, a run appears
            twice, or seeds differ in their utterances.
    """
    grouped: dict[tuple[str | None, ...], list[_Scored]] = {}
    for folder in folders:
        scored = _read(Path(folder))
        r = scored.result
        key = (r.group_key, r.manifest_sha256, *r.decoding)
        grouped.setdefault(key, []).append(scored)
    return [_system(scored) for scored in grouped.values()]


@dataclass(frozen=True, slots=True)
class _Errors:
    errors: int
    reference_length: int


def _errors(reference: Sequence[str], text: Sequence[str]) -> _Errors:
    # The distance that jiwer counts, by the library that it counts with, without the alignment:
    # a leaderboard reads hundreds of thousands of utterances, and jiwer takes ten times as long.
    return _Errors(Levenshtein.distance(reference, text), len(reference))


@dataclass(frozen=True)
class _Scored:
    folder: Path
    result: Result
    hypotheses: list[Hypothesis]
    words: list[_Errors]
    characters: list[_Errors]


def _read(folder: Path) -> _Scored:
    result = read_result(folder / RESULT)
    hypotheses = read_hypotheses(folder / HYPOTHESES)
    pairs = [(one.reference.split(), one.text.split()) for one in hypotheses]
    words = [_errors(reference, text) for reference, text in pairs]
    characters = [_errors(" ".join(reference), " ".join(text)) for reference, text in pairs]
    told = (
        result.substitutions + result.deletions + result.insertions,
        result.char_substitutions + result.char_deletions + result.char_insertions,
        result.hits + result.substitutions + result.deletions,
    )
    counted = (
        sum(one.errors for one in words),
        sum(one.errors for one in characters),
        sum(one.reference_length for one in words),
    )
    if told != counted:
        raise InputError(
            str(folder),
            expected=f"hypotheses with the counts of {RESULT}: word errors, character errors and "
            f"reference words {json.dumps(told)}",
            got=json.dumps(counted),
            remedy="One of the two files was changed: score the run again.",
        )
    return _Scored(folder, result, hypotheses, words, characters)


def _system(scored: Sequence[_Scored]) -> System:
    scored = sorted(scored, key=lambda one: (one.result.seed, one.result.run_key))
    _refuse_twice(scored)
    first = scored[0]
    for other in scored[1:]:
        _refuse_difference(first, other)
    return System(
        group_key=first.result.group_key,
        manifest_sha256=first.result.manifest_sha256,
        decoder=first.result.decoder,
        results=tuple(one.result for one in scored),
        ids=tuple(one.id for one in first.hypotheses),
        speakers=tuple(one.speaker for one in first.hypotheses),
        seconds=np.array([one.seconds for one in first.hypotheses], dtype=np.float64),
        references=tuple(one.reference for one in first.hypotheses),
        texts=tuple(tuple(one.text for one in run.hypotheses) for run in scored),
        word_errors=np.mean([[one.errors for one in run.words] for run in scored], axis=0),
        words=np.array([one.reference_length for one in first.words], dtype=np.float64),
        character_errors=np.mean([[one.errors for one in s.characters] for s in scored], axis=0),
        characters=np.array([one.reference_length for one in first.characters], dtype=np.float64),
    )


def _refuse_twice(scored: Sequence[_Scored]) -> None:
    folders: dict[str, Path] = {}
    for one in scored:
        other = folders.setdefault(one.result.run_key, one.folder)
        if other is not one.folder:
            raise InputError(
                str(one.folder),
                expected="each run once",
                got=f"run {one.result.run_key} here and in {other}",
                remedy="Name one of the two: a run counted twice is no second seed.",
            )


def _refuse_difference(first: _Scored, other: _Scored) -> None:
    """Seeds of a setting have the same utterances and references, in the same order."""
    if len(first.hypotheses) == len(other.hypotheses):
        pairs = zip(first.hypotheses, other.hypotheses, strict=True)
        different = [(a, b) for a, b in pairs if (a.id, a.reference) != (b.id, b.reference)]
        if not different:
            return
        a, b = different[0]
        got = f"{len(different)} that differ, the first {a.id}: {a.reference!r} and {b.id}: "
        got += f"{b.reference!r}"
    else:
        got = f"{len(first.hypotheses)} and {len(other.hypotheses)} utterances"
    raise InputError(
        f"{first.folder} and {other.folder}",
        expected="the same utterances and references, being seeds of one setting",
        got=got,
        remedy="Score both runs again with one version.",
    )
