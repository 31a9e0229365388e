"""Beam search as a choice of the configuration: its settings, their name, readings as labels."""

import hashlib
import json
import math
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Self

from torch import Tensor

from asr.decoding.alignment import align, aligned_words
from asr.decoding.arpa import words_of_model
from asr.decoding.confidence import word_posteriors
from asr.decoding.decoder import Decoded, Word
from asr.decoding.label_text import label_texts, word_spans
from asr.decoding.lexicon import (
    check_hot_words,
    check_known,
    check_some_writable,
    check_spaces,
    check_writable,
    read_lexicon,
)
from asr.decoding.prefix_search import Fusion, Limits, PrefixSearch, Reading
from asr.errors import InputError
from asr.files import sha256
from asr.text import Vocabulary, labels_and_repeats


class BeamDecoder:
    """CTC prefix beam search, with an n-gram model, a lexicon and hot words if wanted.

    Words come with their times, from the likeliest alignment of the text, and with confidences:
    the posterior among the search's hypotheses, which alone is far too sure, times the geometric
    mean of the probabilities of the word's frames.

    Args:
        beam: prefixes kept after each frame.
        prefix_threshold: log-probability relative to the best prefix's, below 0, from which on
            a prefix is dropped.
        label_threshold: log-probability, below 0, from which on a label is not tried.
        language_model: ARPA file (also .gz) or KenLM binary, of words.
        language_model_weight: factor of the model's log-probabilities, above 0.
        word_bonus: added for every word, in natural logarithms; with a model or a lexicon only.
        unknown_word_score: log10 on top of the model's own for a word that it does not know.
        lexicon: file with a word a line; nothing else is written. A language model must know them.
        hot_words: to be favoured, in the vocabulary's characters.
        hot_word_weight: added for each of them, in natural logarithms; a beginning gets its share.

    Raises:
        InputError: a file that cannot be read, or a number out of its range.
    """

    def __init__(
        self,
        *,
        beam: int,
        prefix_threshold: float,
        label_threshold: float,
        language_model: str | None,
        language_model_weight: float,
        word_bonus: float,
        unknown_word_score: float,
        lexicon: str | None,
        hot_words: Sequence[str],
        hot_word_weight: float,
    ) -> None:
        if type(beam) is not int or not 1 <= beam < 1 << 31:
            raise _out_of_range("beam", "a whole number from 1 on", beam)
        for name, threshold in (("prefix", prefix_threshold), ("label", label_threshold)):
            if not (_is_finite(threshold) and threshold < 0):
                raise _out_of_range(f"{name}_threshold", "a number below 0", threshold)
        if not _is_finite(unknown_word_score):
            raise _out_of_range("unknown_word_score", "a finite number", unknown_word_score)
        if not (_is_finite(hot_word_weight) and hot_word_weight >= 0):
            raise _out_of_range("hot_word_weight", "0 or a number above", hot_word_weight)
        _check_weights(language_model_weight, word_bonus)
        check_hot_words(hot_words)
        # As floats: 1 and 1.0 are one setting and must have one name.
        self._limits = Limits(beam, float(prefix_threshold), float(label_threshold))
        self._hot_words, self._hot_word_weight = tuple(hot_words), float(hot_word_weight)
        self._listed = () if lexicon is None else tuple(read_lexicon(lexicon))
        self._fusion: Fusion | None = None
        if language_model is not None:
            known = words_of_model(language_model)
            check_known(self._listed, known, language_model)
            self._fusion = Fusion(
                model=Path(language_model),
                words=self._listed or tuple(known),
                weight=float(language_model_weight),
                bonus=float(word_bonus),
                unknown=None if self._listed else float(unknown_word_score),
            )
        elif self._listed:
            self._fusion = Fusion(None, self._listed, 1.0, float(word_bonus), None)
        self._texts: tuple[str, ...] = ()
        self._vocabulary: Vocabulary | None = None
        self._searches: dict[tuple[str, ...], PrefixSearch] = {}  # by labels, of all copies
        self._hashes = [path and sha256(path) for path in (language_model, lexicon)]
        self.language_model, self.name = self._language_model(), self._name()

    def reweighted(self, language_model_weight: float, word_bonus: float) -> Self:
        """The same decoder with two other numbers; words and hashes of its files are kept."""
        assert self._fusion is not None, "there is nothing to weight"
        _check_weights(language_model_weight, word_bonus)
        other = copy(self)
        other._fusion = replace(
            self._fusion, weight=float(language_model_weight), bonus=float(word_bonus)
        )
        other._searches = {}  # the package fixes both when it loads a model
        other.language_model, other.name = other._language_model(), other._name()
        return other

    def _language_model(self) -> str | None:
        if self._fusion is None or self._fusion.model is None:
            return None
        return (
            f"{self._fusion.model.name} (sha256 {str(self._hashes[0])[:12]}), "
            f"weight {self._fusion.weight:g}, word bonus {self._fusion.bonus:g}"
        )

    def _name(self) -> str:
        """What tells the settings apart that have an effect: the main ones, and a hash of all."""
        fusion = self._fusion
        parts = [f"beam{self._limits.beam}"]
        settings: list[object] = [self._limits.beam, self._limits.prefix, self._limits.label]
        if fusion is not None:
            parts += [f"lm{fusion.weight:g}"] * (fusion.model is not None)
            parts += ["lexicon"] * bool(self._listed) + [f"bonus{fusion.bonus:g}"]
            settings += [*self._hashes, fusion.weight, fusion.bonus, fusion.unknown]
        if self._hot_words:
            parts.append(f"hot{len(self._hot_words)}")
            settings += [list(self._hot_words), self._hot_word_weight]
        digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
        return "-".join((*parts, digest[:8]))

    def for_vocabulary(self, vocabulary: Vocabulary) -> Self:
        """The decoder for models that write with `vocabulary`; its copies load a model once.

        Raises:
            InputError: the vocabulary cannot write a hot word, the lexicon or any word of the
                model, or has no spaces.
        """
        if self._fusion is not None or self._hot_words:
            check_spaces(vocabulary)
        check_writable((*self._hot_words, *self._listed), vocabulary)
        if self._fusion is not None and self._fusion.model is not None:
            check_some_writable(self._fusion.words, vocabulary, self._fusion.model)
        bound = copy(self)
        bound._vocabulary, bound._texts = vocabulary, tuple(label_texts(vocabulary))
        if bound._texts not in self._searches:
            self._searches[bound._texts] = PrefixSearch(bound._texts, self._fusion)
        return bound

    def decode(self, log_probs: Tensor, *, with_words: bool = True) -> Decoded:
        """Decode one utterance `(S, V)`; where only its text counts, without times of words."""
        assert self._vocabulary is not None, "for_vocabulary comes first"
        log_probs = log_probs.detach().float().cpu()
        if len(log_probs) == 0 or not (log_probs < math.inf).all():  # NaN is not either
            return Decoded((), (), float(log_probs.sum()), ())
        readings = self._searches[self._texts].readings(
            log_probs.numpy(), self._limits, self._hot_words, self._hot_word_weight
        )
        best = readings[0]
        labels = self._vocabulary.encode(" ".join(best.words))
        if not with_words:
            return Decoded(tuple(labels), (), best.score, None)
        starts, words = self._times(log_probs, labels, best)
        posteriors = word_posteriors(readings)
        sure = (
            replace(word, confidence=word.confidence * posterior)
            for word, posterior in zip(words, posteriors, strict=True)
        )
        return Decoded(tuple(labels), starts, best.score, tuple(sure))

    def decode_batch(self, log_probs: Tensor, frames: Tensor) -> list[Decoded]:
        """Decode a padded batch `(S, B, V)` whose utterances have `frames` `(B,)` frames each."""
        log_probs = log_probs.cpu()
        return [self.decode(log_probs[:n, index]) for index, n in enumerate(frames.tolist())]

    def _times(
        self, log_probs: Tensor, labels: Sequence[int], best: Reading
    ) -> tuple[tuple[int, ...], tuple[Word, ...]]:
        """When each label begins, and the words with their times."""
        if labels_and_repeats(labels) <= len(log_probs):
            alignment = align(log_probs, labels)
            return alignment.starts, aligned_words(alignment, labels, self._texts)
        # The search found other byte pairs for the text, fewer than `encode` gives.
        words = tuple(
            Word(text, *frames, confidence=1.0)  # by its frames: not known
            for text, frames in zip(best.words, best.frames, strict=True)
        )
        starts: list[int] = []
        for (first, after), word in zip(word_spans(self._texts, labels), words, strict=True):
            starts.extend([word.start] * (after - first))
        return tuple(starts), words


def _check_weights(language_model_weight: float, word_bonus: float) -> None:
    if not (_is_finite(language_model_weight) and language_model_weight > 0):
        raise _out_of_range("language_model_weight", "a number above 0", language_model_weight)
    if not _is_finite(word_bonus):
        raise _out_of_range("word_bonus", "a finite number", word_bonus)


def _is_finite(value: object) -> bool:
    return type(value) in (float, int) and math.isfinite(float(value))  # type: ignore[arg-type]


def _out_of_range(name: str, expected: str, value: object) -> InputError:
    return InputError(
        f"decoding.{name}",
        expected=expected,
        got=repr(value),
        remedy="conf/decoding/beam.yaml has usual values.",
    )
