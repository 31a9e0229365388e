import json
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.data.manifest import Utterance, write_manifest
from asr.errors import InputError
from asr.statistics.__main__ import main
from asr.statistics.pairing import pair
from tests.commands import run
from tests.statistics.systems import write_eval

REFERENCES = ["the cat sat", "[b]down[/b] there", "", "the \u4e2d\u6587 owl", "a dog"] * 5


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two seeds of a dense and of a sparse setting, and a run that was never scored."""
    rng = np.random.default_rng(0)
    for group, rate in (("dense", 0.1), ("sparse", 0.3)):
        for seed in (1, 2):
            texts = [
                " ".join(w if rng.random() > rate else "[x]" for w in reference.split())
                for reference in REFERENCES
            ]
            folder = tmp_path / group / f"run{seed}"
            speakers = ["ann", "[red]bob"] * 12 + ["ann"]
            write_eval(folder, REFERENCES, texts, group=group, seed=seed, speakers=speakers)
    (tmp_path / "dense" / "unscored").mkdir()
    return tmp_path


def test_every_part_is_printed_and_written(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = [Utterance("", f"{i}.wav", 1.0, "the cat a") for i in range(20)]
    write_manifest(runs / "train.jsonl", train)
    options = ["--train", str(runs / "train.jsonl"), "--worst", "2", "--margin", "0.1"]
    main([f"{runs}/dense/*", f"{runs}/sparse/*", *options, "--json", str(runs / "report.json")])
    out, err = capsys.readouterr()
    assert err == f"note: {runs}/dense/unscored has no result and is left out\n"
    for part in (
        "25 utterances, 50 words, 2 named speakers",
        "demo/dense (dense)",
        "p, paired bootstrap",
        "within 10 % relative of a",
        "who pays, by speaker",
        "[red]bob",
        "who pays, by utterance length",
        "who pays, by speaking rate",
        "out of vocabulary",
        "words that turned wrong",
        "words that turned right",
        "[b]down[/b]",
        "most word errors, a and b together (means over the seeds, 2 of a and 2 of b",
        "\nref ",
    ):
        assert part in out
    report = json.loads((runs / "report.json").read_text())
    assert report["a"]["seeds"] == [1, 2]
    assert report["b"]["wer"]["estimate"] > report["a"]["wer"]["estimate"]
    assert report["comparison"]["difference"]["estimate"] == pytest.approx(
        report["b"]["wer"]["estimate"] - report["a"]["wer"]["estimate"]
    )
    assert report["comparison"]["difference_by_speaker"] is None
    assert len(report["who_pays"]["speaker"]) == 2
    assert len(report["most_errors"]) == 2


def test_lines_of_side_by_side_stand_in_columns(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([f"{runs}/dense/run1", f"{runs}/sparse/run1", "--characters", "--worst", "1"])
    out = capsys.readouterr().out
    assert "CER of b less that of a" in out
    lines = out.split("a and b together\n")[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("ref "))
    reference, a, b = lines[start : start + 3]
    assert [line[:4] for line in (reference, a, b)] == ["ref ", "a   ", "b   "]
    assert len(reference.split()) == len(a.split()) == len(b.split())


def test_one_test_set_and_decoder_are_chosen(runs: Path) -> None:
    dense, sparse = f"{runs}/dense/*", f"{runs}/sparse/*"
    for group in ("dense", "sparse"):
        for options in ({"decoder": "beam"}, {"split": "other"}):
            folder = runs / group / "run1"
            write_eval(folder, REFERENCES, REFERENCES, group=group, seed=1, **options)
    with pytest.raises(InputError, match="tones-other-greedy in both; tones-test-beam in both"):
        pair(dense, sparse, None)
    a, b, _ = pair(dense, sparse, "tones-other")
    assert (a.results[0].split, len(b.results)) == ("other", 1)
    a, b, _ = pair(dense, sparse, "tones-test-greedy")
    assert (a.decoder, len(b.results)) == ("greedy", 2)
    a, b, _ = pair(f"{runs}/dense/run1/eval/tones-test-beam", f"{runs}/dense/run2", None)
    assert (a.decoder, b.decoder) == ("beam", "greedy")
    with pytest.raises(InputError, match=r"a test set of .*: tones-"):
        pair(dense, sparse, "librispeech-test")


def test_what_cannot_be_compared_is_told(runs: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        pair(f"{runs}/nothing/*", f"{runs}/dense/*", None)
    with pytest.raises(InputError, match=r"got 1 folders without a result\.json"):
        pair(f"{runs}/dense/unscored", f"{runs}/dense/*", None)
    with pytest.raises(InputError, match=r"2 settings: demo/dense .dense., demo/sparse"):
        pair(f"{runs}/*/run1", f"{runs}/dense/*", None)


def test_as_a_user_runs_it(runs: Path) -> None:
    ended = run([sys.executable, "-m", "asr.statistics", f"{runs}/dense/*", f"{runs}/none"])
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {runs}/none: expected run folders")
