"""Eval folders as evaluate.py leaves them, from texts."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from asr.evaluation.error_rate import character_counts, pool, word_counts
from asr.evaluation.result import Hypothesis, Result, save
from asr.statistics.system import System, read_systems


def write_eval(
    folder: Path,
    references: Sequence[str],
    texts: Sequence[str],
    *,
    group: str = "dense",
    seed: int = 1,
    speakers: Sequence[str] | None = None,
    seconds: Sequence[float] | None = None,
    split: str = "test",
    decoder: str = "greedy",
    normaliser: str = "basic",
) -> Path:
    """Write `result.json` and `hypotheses.jsonl` to `folder/eval/<corpus>-<split>-<decoder>`."""
    names = speakers or ["" for _ in references]
    lengths = seconds or [1.0 + len(reference.split()) / 3 for reference in references]
    rows = [
        Hypothesis(f"{i}.wav", reference, text, lengths[i], names[i], -1.0)
        for i, (reference, text) in enumerate(zip(references, texts, strict=True))
    ]
    words = pool(word_counts(references, texts))
    characters = pool(character_counts(references, texts))
    result = Result(
        run_key=f"{group}-{seed}",
        group_key=group,
        baseline_key=None,
        seed=seed,
        experiment="demo",
        corpus="tones",
        split=split,
        manifest_sha256=hashlib.sha256(f"{split} {len(rows)}".encode()).hexdigest(),
        utterances=len(rows),
        seconds=sum(lengths),
        method="dense",
        block=None,
        sparsity=0.0,
        sparsity_model=0.0,
        parameters=10,
        nonzero=10,
        bytes=40,
        **asdict(words),
        **{f"char_{name}": count for name, count in asdict(characters).items()},
        wer=words.rate,
        cer=characters.rate,
        decoder=decoder,
        language_model=None,
        batch=1,
        normaliser=normaliser,
        rtf=0.1,
        threads=1,
        device="cpu",
        collapsed=False,
        versions="",
        commit="",
        created="2026-01-01T00:00:00+00:00",
    )
    target = folder / "eval" / f"tones-{split}-{decoder}"
    save(target, result, rows)
    return target


def system(
    folder: Path, references: Sequence[str], *seeds: Sequence[str], group: str = "dense", **options
) -> System:
    """A system of one or more seeds, read back from its files."""
    folders = [
        write_eval(folder / f"{group}{n}", references, texts, group=group, seed=n, **options)
        for n, texts in enumerate(seeds, 1)
    ]
    (one,) = read_systems(folders)
    return one
