"""A table to look at: made-up runs, small but with everything that a page shows."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from matplotlib.figure import Figure

from asr.evaluation.error_rate import character_counts, pool, word_counts
from asr.evaluation.result import Hypothesis, Result, save
from asr.leaderboard.reading import find_results
from asr.leaderboard.rows import Board, adjusted, build
from asr.leaderboard.synthetic import Setting, write_results
from tests.evaluation.test_result import EXAMPLE

DENSE = Setting("sweep", "dense", None, 0.0)
SPARSE = [
    Setting("sweep", method, block, sparsity)
    for method, block in (("gradual_block", "4x4"), ("gradual_block", "16x16"), ("l1", "8x8"))
    for sparsity in (0.8, 0.9)
]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders of seven settings, three seeds each, on two test sets."""
    folder = tmp_path_factory.mktemp("made") / "runs"
    write_results(folder, [DENSE, *SPARSE], utterances=40)
    Figure(figsize=(1, 1), dpi=100).savefig(folder / "layer.png")
    for run in (folder / "sweep").iterdir():
        (run / "masks").mkdir()
        shutil.copy(folder / "layer.png", run / "masks")
    return folder


@pytest.fixture(scope="session")
def board(runs: Path) -> Board:
    return adjusted(build(find_results([runs])))


def result(**changes: object) -> Result:
    """A result with these fields, and counts that fit its rates."""
    plain = {"manifest_sha256": "a" * 64, "corpus": "c", "split": "test", "seconds": 100.0}
    return replace(EXAMPLE, **{**plain, **changes})  # type: ignore[arg-type]


HOSTILE = "</script><script>window.entered=1</script><!-- <b>bold</b> {{data}} \u2028 http://x.y"


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose names, transcripts and configuration try to become markup."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    heard = [Hypothesis(HOSTILE, f"{HOSTILE} said", f"{HOSTILE} heard", 1.0, HOSTILE, 0.0)] * 2
    said, text = [one.reference for one in heard], [one.text for one in heard]
    words, characters = pool(word_counts(said, text)), pool(character_counts(said, text))
    scored = result(
        **asdict(words),
        **{f"char_{name}": value for name, value in asdict(characters).items()},
        **dict.fromkeys(("experiment", "method", "block", "split", "decoder"), HOSTILE),
        run_key="hostile",
        wer=words.rate,
        cer=characters.rate,
        parameters=10**7,
        nonzero=10**7,
        bytes=4 * 10**7,
    )
    save(folder / "eval" / "x", scored, heard)
    model = {"cell": HOSTILE, "layers": 1, "hidden": 1, "directions": "one"}
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": model}))
    return folder
