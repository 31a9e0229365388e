"""CTC prefix beam search with a language model, by the package ctc-beam-decoder (extra `lm`).

The package scores prefixes by the sum over their alignments, as Hannun et al. 2014
(arXiv 1408.2873, algorithm 1), words by KenLM as they are completed, and hot words as they grow.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.decoding.kenlm_messages import only_warnings
from asr.errors import InputError
from asr.text import BLANK

_END = "</s>"
_FORBIDDEN = -1e8  # for a word outside a lexicon; no sum of frames comes near it
_LEAST = -30.0  # log-probability of what must be tried; the package takes 1e-15, -34.5, for zero


@dataclass(frozen=True, slots=True)
class Reading:
    """One hypothesis of the search."""

    words: tuple[str, ...]
    frames: tuple[tuple[int, int], ...]  # first, and after the last, of each word
    score: float  # log-probability of the text, plus language model, bonuses and hot words


@dataclass(frozen=True, slots=True)
class Fusion:
    """What is added to the acoustic score: per word, `weight` x ln p(word | before) + `bonus`."""

    model: Path | None  # ARPA or KenLM binary; None: only the words are given
    words: tuple[str, ...]  # that may be written freely
    weight: float
    bonus: float
    unknown: float | None  # log10, for any other word, times `weight`; None: there is no other


@dataclass(frozen=True, slots=True)
class Limits:
    """What the search leaves out."""

    beam: int  # prefixes kept after each frame
    prefix: float  # log-probability relative to the best, below which a prefix is dropped
    label: float  # log-probability below which a label is not tried (the likeliest always is)


class PrefixSearch:
    """The search for one set of labels.

    Args:
        texts: what each label adds to a text, by id, as `label_texts` gives it.
        fusion: language model or lexicon; None for the acoustic score alone.

    Raises:
        InputError: the package is missing, or refuses the labels or the model.
    """

    def __init__(self, texts: Sequence[str], fusion: Fusion | None) -> None:
        byte_pairs = any(len(text) > 1 for text in texts)
        labels = [text.replace(" ", "\u2581") if byte_pairs else text for text in texts]
        self._tail: NDArray[np.float32] | None = None
        self._end_score = 0.0
        self._lexicon = None
        if fusion is None:
            self._decoder = _package()(labels)
            return
        if fusion.unknown is None:
            self._lexicon = frozenset(fusion.words)
        # The package scores the end of a sentence after an empty word, an unknown one, wherever a
        # space came last. So every utterance gets an end that it scores like a word: space, </s>.
        labels.append("\u2581" + _END if byte_pairs else _END)
        ending = [len(texts)] if byte_pairs else [labels.index(" "), len(texts)]
        self._tail = _certain(ending, len(labels))
        self._decoder = _fused(labels, fusion)
        # Once more </s> behind </s> is what the package adds to every score.
        once, twice = (
            self._decoder.decode_beams(_certain(path, len(labels)))[0][-1]
            for path in (ending, [*ending, BLANK, *ending])
        )
        self._end_score = twice - once

    def readings(
        self,
        log_probs: NDArray[np.float32],
        limits: Limits,
        hot_words: Sequence[str] = (),
        hot_word_weight: float = 0.0,
    ) -> list[Reading]:
        """Hypotheses for log-probabilities `(S, V)`, S > 0, the best first; at least one."""
        found = self._search(log_probs, limits, hot_words, hot_word_weight)
        if not found:
            # What the lexicon allows was too unlikely to be tried: now all is.
            tried = Limits(limits.beam, -math.inf, _LEAST - 1)
            log_probs = np.maximum(log_probs, _LEAST)
            found = self._search(log_probs, tried, hot_words, hot_word_weight)
        return found or [Reading((), (), float(log_probs[:, BLANK].sum(dtype=np.float64)))]

    def _search(
        self,
        log_probs: NDArray[np.float32],
        limits: Limits,
        hot_words: Sequence[str],
        hot_word_weight: float,
    ) -> list[Reading]:
        if self._tail is not None:
            never = np.full((len(log_probs), 1), -np.inf, dtype=np.float32)
            log_probs = np.concatenate((np.hstack((log_probs, never)), self._tail))
        beams = self._decoder.decode_beams(
            log_probs,
            beam_width=limits.beam,
            beam_prune_logp=limits.prefix,
            token_min_logp=limits.label,
            hotwords=list(hot_words),
            hotword_weight=hot_word_weight,
        )
        readings = []
        for _, _, words, _, score in beams:
            if self._tail is not None:
                if not words or words[-1][0] != _END:
                    continue
                words = words[:-1]
            if self._lexicon is None or self._lexicon.issuperset(word for word, _ in words):
                texts, frames = zip(*words, strict=True) if words else ((), ())
                readings.append(Reading(texts, frames, score - self._end_score))
        return readings


def _fused(labels: list[str], fusion: Fusion) -> Any:
    unknown = _FORBIDDEN if fusion.unknown is None else fusion.unknown
    with tempfile.TemporaryDirectory() as folder:
        model = fusion.model
        if model is None:
            model = Path(folder, "words.arpa")
            model.write_text(_certain_words(fusion.words), encoding="utf-8")
        search = _package()
        try:
            with only_warnings():
                return search(
                    labels,
                    kenlm_model_path=model,
                    unigrams=[*fusion.words, _END],
                    alpha=fusion.weight,
                    beta=fusion.bonus,
                    unk_score_offset=unknown,
                )
        except (OSError, ValueError) as error:
            raise InputError(
                f"language model {model}",
                expected="an n-gram model that KenLM can load",
                got=str(error),
                remedy="Make one by `python -m asr.decoding.build_lm TEXT --out lm.arpa`.",
            ) from error


def _certain_words(words: Sequence[str]) -> str:
    """A model by which each word, and the end, costs nothing: what only a lexicon restricts."""
    rows = "".join(f"0\t{word}\t0\n" for word in words)
    return (
        f"\\data\\\nngram 1={len(words) + 3}\nngram 2=1\n\n\\1-grams:\n"
        f"0\t<unk>\t0\n-99\t<s>\t0\n0\t</s>\n{rows}\n"
        "\\2-grams:\n0\t<s> </s>\n\n\\end\\\n"  # KenLM wants a bigram
    )


def _certain(columns: Sequence[int], width: int) -> NDArray[np.float32]:
    """Log-probabilities `(len(columns), width)` of labels that are certain."""
    log_probs = np.full((len(columns), width), -np.inf, dtype=np.float32)
    log_probs[range(len(columns)), columns] = 0.0
    return log_probs


def _package() -> Any:
    try:
        from ctc_beam_decoder import BeamSearchDecoder  # an extra: greedy decoding needs none
    except ImportError as error:
        raise InputError(
            "beam search",
            expected="the package ctc-beam-decoder",
            got="no such package",
            remedy="Install the extra: pip install -e '.[lm]'; it has wheels for Linux on x86-64 "
            "with glibc 2.35 or newer, macOS on arm64 and Windows.",
        ) from error
    return BeamSearchDecoder
