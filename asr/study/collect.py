"""Keep what a study needs of finished runs: python -m asr.study.collect RUN... (--help)."""

import argparse
import json
import sys
from datetime import datetime
from glob import glob
from pathlib import Path

from asr.data.manifest import manifest_sha256
from asr.errors import InputError, report_input_errors
from asr.evaluation.result import HYPOTHESES, RESULT, read_hypotheses, read_result
from asr.evaluation.score import corpus_and_split
from asr.files import atomic_write
from asr.statistics.training_words import training_words
from asr.study.kept import WORDS, keep, read_kept
from asr.study.measure import measure_run
from asr.training.run_folder import read_status


@report_input_errors
def main() -> None:
    """Measure and copy each run that is done; say which others a pattern matched."""
    given = _parser().parse_args()
    into = Path(given.into)
    for run in _runs(given.runs):
        _refuse_early_scores(run)
        print(keep(run, into, measure_run(run)))
    if given.train:
        keep_words(into, given.train)


def _runs(patterns: list[str]) -> list[Path]:
    """Folders of runs that are done; a sweep's own files lie among them, and a search's tries.

    Raises:
        InputError: a pattern matches no run, or none that is done.
    """
    runs: list[Path] = []
    for pattern in patterns:
        matching = sorted(Path(path) for path in glob(pattern))
        if not (found := [path for path in matching if (path / "status.json").is_file()]):
            raise InputError(
                pattern,
                expected="run folders",
                got=f"{len(matching)} files or folders without status.json",
                remedy="Runs are kept in runs/EXPERIMENT/RUN_KEY.",
            )
        states = {path: str(read_status(path).get("state")) for path in found}
        done = [path for path in found if states[path] == "done"]
        unfinished = [f"{path} is {states[path]}" for path in found if states[path] != "done"]
        if not done:
            raise InputError(
                pattern,
                expected="a run that is done",
                got="; ".join(unfinished),
                remedy="Finish it first: the same training command continues it.",
            )
        for left_out in unfinished:
            print(f"left out: {left_out}", file=sys.stderr)
        runs.extend(done)
    return runs


def _refuse_early_scores(run: Path) -> None:
    """Raise InputError if a result is older than the end of the training."""
    if not (ended := read_status(run).get("updated")):
        return
    scored = {path.parent.name: read_result(path) for path in sorted(run.glob(f"eval/*/{RESULT}"))}
    end = datetime.fromisoformat(ended)
    if early := [name for name, one in scored.items() if datetime.fromisoformat(one.created) < end]:
        raise InputError(
            str(run),
            expected=f"results of the trained model, scored after {ended}",
            got=f"older ones: {', '.join(early)}",
            remedy="Score it again: python evaluate.py 'runs=[RUN]', with the same decoder.",
        )


def keep_words(into: Path, manifest: str) -> None:
    """How often the training texts have each word of the references that the results hold.

    So the study is worked out again where the corpus is not, and no more of the corpus is kept.
    """
    kept = read_kept(into)
    corpora = {one.result.corpus for run in kept for one in run.scored.values()}
    corpus, _ = corpus_and_split(Path(manifest))
    if corpus not in corpora:
        raise InputError(
            manifest,
            expected=f"the training manifest of a scored corpus: {', '.join(sorted(corpora))}",
            got=f"one of {corpus}",
            remedy="A corpus is called like its folder, as results call it.",
        )
    said: set[str] = set()
    normaliser = ""
    scored_on = {one.result.manifest_sha256 for run in kept for one in run.scored.values()}
    if manifest_sha256(manifest) in scored_on:
        raise InputError(
            manifest,
            expected="the training manifest",
            got="one that runs were scored on",
            remedy="Name the texts that the models were trained on.",
        )
    for run in kept:
        for scored in run.scored.values():
            if scored.result.corpus == corpus:
                normaliser = scored.result.normaliser
                heard = read_hypotheses(scored.folder / HYPOTHESES)
                said.update(word for one in heard for word in one.reference.split())
    counted = training_words(manifest, normaliser)
    with atomic_write(into / WORDS.format(corpus=corpus)) as file:
        json.dump({word: counted[word] for word in sorted(said)}, file, indent=0)
        file.write("\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.study.collect",
        description="Keep configuration, validations, sizes, zeros, results and hypotheses of "
        "finished, scored runs, for `python -m asr.study`.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders; patterns in quotes")
    parser.add_argument(
        "--into", required=True, metavar="FOLDER", help="kept by experiment and key"
    )
    parser.add_argument(
        "--train",
        metavar="MANIFEST",
        help="training texts: counts of the reference words are kept, for errors by word frequency",
    )
    return parser


if __name__ == "__main__":
    main()
