"""Any number of runs on any number of test sets: one bad pair does not stop the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.checkpoint import load_trained
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.forward import move
from asr.evaluation.run import Run, read_run
from asr.evaluation.score import Score, corpus_and_split, score
from asr.memory import fitting_into_memory


@dataclass(frozen=True, slots=True)
class Failure:
    """A pair, or a whole run, that could not be scored."""

    error: InputError


Outcome = Score | Failure


def score_pairs(
    folders: Sequence[str],
    manifests: Sequence[str],
    decoder: Decoder,
    *,
    batch: int,
    batch_seconds: float,
    device: str,
) -> Iterator[tuple[str, Outcome]]:
    """Score every run on every manifest, in that order; each outcome with the name of its pair.

    Args:
        folders: run folders.
        manifests: test sets; none for those that each run's own configuration names.
        decoder: log-probabilities to labels.
        batch, batch_seconds: see `recognise`.
        device: where the model runs: "cpu", "cuda", "cuda:1".

    Raises:
        InputError: no run, a batch of nothing, or two manifests of one name.
    """
    _check(folders, manifests, batch, batch_seconds)
    for folder in folders:
        try:
            run = read_run(folder)
            chosen = _test_sets(run, manifests)
            trained = load_trained(folder)
            move(trained, device)
        except InputError as error:
            yield folder, Failure(error)
            continue
        for manifest in chosen:
            outcome: Outcome
            try:
                with fitting_into_memory(
                    str(folder),
                    f"batches of up to {batch} utterances, {batch_seconds:g} s of audio",
                    "Lower batch or batch_seconds.",
                ):
                    outcome = score(
                        run, trained, manifest, decoder, batch=batch, batch_seconds=batch_seconds
                    )
            except InputError as error:
                outcome = Failure(error)
            yield f"{folder} on {manifest}", outcome


def _check(
    folders: Sequence[str], manifests: Sequence[str], batch: int, batch_seconds: float
) -> None:
    if not folders:
        raise InputError(
            "runs",
            expected="at least one run folder",
            got="none",
            remedy="Give them as runs=[runs/EXPERIMENT/KEY,...].",
        )
    if type(batch) is not int or batch < 1 or not batch_seconds > 0:
        raise InputError(
            "batch",
            expected="a whole number of utterances and a number of seconds, both above 0",
            got=f"batch {batch!r} and batch_seconds {batch_seconds!r}",
            remedy="Usual are 16 and 320.",
        )
    _refuse_one_name([Path(manifest) for manifest in manifests])


def _test_sets(run: Run, manifests: Sequence[str]) -> list[Path]:
    chosen = [Path(manifest) for manifest in manifests] or list(run.test)
    if not chosen:
        raise InputError(
            str(run.folder),
            expected="a test set to score on",
            got="no manifests, and none under data.test in the run's config.yaml",
            remedy="Give them as manifests=[data/CORPUS/test.jsonl,...].",
        )
    _refuse_one_name(chosen)
    return chosen


def _refuse_one_name(manifests: Sequence[Path]) -> None:
    named: dict[str, Path] = {}
    for manifest in manifests:
        name = "-".join(corpus_and_split(manifest))
        other = named.setdefault(name, manifest)
        if other is not manifest:
            raise InputError(
                f"manifests {other} and {manifest}",
                expected="different folder names or file names, which name the results",
                got=f"{name} twice",
                remedy="Rename one of them, or score them in two calls on two copies of the run.",
            )
