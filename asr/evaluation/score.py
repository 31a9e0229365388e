"""One run on one test set: recognise, count the errors, write the result beside the run."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from asr.checkpoint import TrainedModel
from asr.data.manifest import read_manifest
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.error_rate import ErrorCounts, character_counts, pool, word_counts
from asr.evaluation.forward import device_of
from asr.evaluation.provenance import commit, versions
from asr.evaluation.recognise import Recognition, recognise
from asr.evaluation.result import RESULT, Hypothesis, Result, read_result, save
from asr.evaluation.run import Run, unfinished
from asr.evaluation.size import measure
from asr.files import require_writable, sha256

COLLAPSED = 0.95  # a CER above it says nothing but that the model is broken


@dataclass(frozen=True, slots=True)
class Score:
    """A result, and what its reader should know besides."""

    result: Result
    notices: tuple[str, ...]


def corpus_and_split(manifest: Path) -> tuple[str, str]:
    """What a manifest is called in results: its folder's name and its own without suffix."""
    return Path(os.path.abspath(manifest)).parent.name, manifest.stem  # of ../test.jsonl too


def require_texts(manifest: Path, references: Sequence[str]) -> None:
    """Raise InputError if all of a manifest's references are empty: a rate is of their length."""
    if not any(references):
        raise InputError(
            str(manifest),
            expected="texts to compare with",
            got=f"{len(references)} utterances, all with an empty text after normalisation",
            remedy="A rate needs a reference: use `python -m asr.transcribe` instead.",
        )


def score(
    run: Run,
    trained: TrainedModel,
    manifest: Path,
    decoder: Decoder,
    *,
    batch: int,
    batch_seconds: float,
) -> Score:
    """Score a run's model on a manifest and write `result.json` and `hypotheses.jsonl`.

    They go to `RUN/eval/<corpus>-<split>-<decoder>/`. A result of the same run that stands there
    is computed anew and replaced; one of another run is never touched.

    Raises:
        InputError: bad manifest or audio, references without a word, a foreign result, or no
            place to write to, which is said before the work.
    """
    folder = run.folder / "eval" / f"{'-'.join(corpus_and_split(manifest))}-{decoder.name}"
    digest = sha256(manifest) if manifest.is_file() else ""  # read_manifest names what is missing
    replaced = _replaced(folder / RESULT, run, digest)
    utterances = read_manifest(manifest)
    require_texts(manifest, [trained.normaliser(utterance.text) for utterance in utterances])
    require_writable(folder / RESULT)
    recognition = recognise(trained, utterances, decoder, batch=batch, batch_seconds=batch_seconds)
    result = _result(run, trained, manifest, digest, decoder, recognition, batch)
    save(folder, result, recognition.hypotheses)
    return Score(result, (*unfinished(run), *replaced, *_unknown(recognition)))


def _result(
    run: Run,
    trained: TrainedModel,
    manifest: Path,
    digest: str,
    decoder: Decoder,
    recognition: Recognition,
    batch: int,
) -> Result:
    corpus, split = corpus_and_split(manifest)
    words, characters = _count(recognition.hypotheses)
    size = measure(trained.model, trained.sparsity.pruned)
    seconds = sum(hypothesis.seconds for hypothesis in recognition.hypotheses)
    # Only a run's best weights have a validation CER; others are judged by that of this set.
    judging_cer = characters.rate if trained.validation_cer is None else trained.validation_cer
    return Result(
        run_key=run.run_key,
        group_key=run.group_key,
        baseline_key=run.baseline_key,
        seed=run.seed,
        experiment=run.experiment,
        corpus=corpus,
        split=split,
        manifest_sha256=digest,
        utterances=len(recognition.hypotheses),
        seconds=seconds,
        method=trained.sparsity.method,
        block="x".join(map(str, trained.sparsity.block)) if trained.sparsity.block else None,
        sparsity=size.sparsity,
        sparsity_model=size.sparsity_model,
        parameters=size.parameters,
        nonzero=size.nonzero,
        bytes=size.bytes,
        **asdict(words),
        **{f"char_{name}": count for name, count in asdict(characters).items()},
        wer=words.rate,
        cer=characters.rate,
        decoder=decoder.name,
        language_model=decoder.language_model,
        batch=batch,
        normaliser=trained.normaliser.name,
        rtf=recognition.processing_seconds / seconds,
        threads=torch.get_num_threads(),
        device=device_of(trained.model),
        collapsed=size.empty_matrix or judging_cer > COLLAPSED,
        versions=versions(),
        commit=commit(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _count(hypotheses: Sequence[Hypothesis]) -> tuple[ErrorCounts, ErrorCounts]:
    """Errors in words and in characters, over all hypotheses."""
    references = [hypothesis.reference for hypothesis in hypotheses]
    texts = [hypothesis.text for hypothesis in hypotheses]
    return pool(word_counts(references, texts)), pool(character_counts(references, texts))


def _replaced(path: Path, run: Run, digest: str) -> list[str]:
    """What to say of the result that stands at `path`; raises InputError on another run's."""
    if not path.exists():
        return []
    try:
        old = read_result(path)
    except InputError as error:  # of an older version, or damaged: scoring again is the remedy
        return [f"the result that this one replaces could not be read, got {error.parts[2]}"]
    if old.run_key != run.run_key:
        raise InputError(
            str(path),
            expected=f"a result of run {run.run_key}, to be replaced",
            got=f"one of run {old.run_key}",
            remedy="The folder was copied or mixed up: move that result away.",
        )
    if old.manifest_sha256 != digest:
        return ["the manifest has changed since the result that this one replaces"]
    return []


def _unknown(recognition: Recognition) -> list[str]:
    """The characters of the references that the model cannot write, the commonest first."""
    counts = recognition.unknown.most_common()
    if not counts:
        return []
    shown = ", ".join(f"{character!r} x{count}" for character, count in counts[:20])
    return [f"{recognition.unknown.total()} characters outside the vocabulary, all errors: {shown}"]
