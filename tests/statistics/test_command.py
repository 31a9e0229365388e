import json
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.data.manifest import Utterance, write_manifest
from asr.errors import InputError
from asr.statistics.__main__ import main
from asr.statistics.comparison import compare
from asr.statistics.pairing import Side
from asr.statistics.pairing import pair as pair_of_sides
from asr.statistics.system import System
from tests.commands import run
from tests.statistics.systems import write_eval

REFERENCES = ["the cat sat", "[b]down[/b] there", "", "the \u4e2d\u6587 owl", "a dog"] * 5


def pair(
    a: str, b: str, test_set: str | None, *, group_a: str | None = None, group_b: str | None = None
) -> tuple[System, System, list[str]]:
    sides = Side("--group-a", a, group_a), Side("--group-b", b, group_b)
    return pair_of_sides(*sides, test_set)


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
    parts = [runs / f"train-{i}.jsonl" for i in (1, 2)]
    for part, utterances in zip(parts, (train[:6], train[6:]), strict=True):  # 6 and 14 times each
        write_manifest(part, utterances)
    options = ["--worst", "2", "--margin", "0.1", "--train", *map(str, parts)]
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
    assert report["comparison"]["drawn"] == "utterances"
    compared = compare(*pair(f"{runs}/dense/*", f"{runs}/sparse/*", None)[:2])
    for name in ("p", "p_mapsswe", "p_utterances"):
        assert report["comparison"][name] == getattr(compared, name)
    lengths = {
        part["name"]: part["length"] for part in report["who_pays"]["word frequency in training"]
    }
    # Of five lines' ten words four are in the 20 texts; by the first manifest's 6 they are rare.
    expected = {"out of vocabulary": 30, "rare, 1 to 10": 0, "common, over 10": 20}
    assert lengths == expected | {"insertions": 50}
    assert len(report["who_pays"]["speaker"]) == 2
    assert len(report["most_errors"]) == 2


def test_lines_of_side_by_side_stand_in_columns(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs / "report.json"
    options = ["--characters", "--worst", "1", "--json", str(path)]
    main([f"{runs}/dense/run1", f"{runs}/sparse/run1", *options])
    out = capsys.readouterr().out
    assert "CER of b less that of a" in out
    assert "MAPSSWE" not in out
    compared = json.loads(path.read_text())["comparison"]
    assert (compared["p_mapsswe"], compared["segments"]) == (None, None)
    assert compared["p_utterances"] is not None
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
    a, b, notices = pair(f"{runs}/dense/run1/eval/tones-test-beam", f"{runs}/dense/run2", None)
    assert (a.decoder, b.decoder) == ("beam", "greedy")
    assert notices == ["a was read by beam and b by greedy: what differs is the decoding too"]
    with pytest.raises(InputError, match=r"a test set of .*: tones-"):
        pair(dense, sparse, "librispeech-test")
    (runs / "dense/run1/eval/tones-other-greedy/hypotheses.jsonl").unlink()
    a, _, _ = pair(dense, sparse, "tones-test-greedy")  # what is wrong elsewhere is no matter
    assert len(a.results) == 2


def test_a_report_that_cannot_be_written_is_told(runs: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file that can be written, got Is a dir"):
        main([f"{runs}/dense/run1", f"{runs}/sparse/run1", "--json", str(runs)])


def test_what_cannot_be_compared_is_told(runs: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        pair(f"{runs}/nothing/*", f"{runs}/dense/*", None)
    with pytest.raises(InputError, match=r"got 1 folders without a result\.json"):
        pair(f"{runs}/dense/unscored", f"{runs}/dense/*", None)
    with pytest.raises(InputError) as error:
        pair(f"{runs}/*/run?", f"{runs}/dense/*", None)
    dense, sparse = (
        f"{group} (demo, dense, sparsity 0, seeds 1, 2)" for group in ("dense", "sparse")
    )
    assert f"got 2 settings: {dense}; {sparse}" in str(error.value)
    assert "--group-a KEY" in str(error.value)


def test_seeds_of_a_setting_among_others_are_named_or_chosen_by_key(runs: Path) -> None:
    """Several paths with commas between, or the first letters of a group key."""
    everything = f"{runs}/*/*"
    named = ",".join(f"{runs}/sparse/run{seed}" for seed in (1, 2, 1))
    a, b, notices = pair(everything, named, None, group_a="den")
    assert (a.group_key, b.group_key, len(a.results), len(b.results)) == ("dense", "sparse", 2, 2)
    a, b, notices = pair(everything, everything, None, group_a="sparse", group_b="d")
    assert (a.group_key, b.group_key) == ("sparse", "dense")
    assert notices == [f"{runs}/dense/unscored has no result and is left out"]
    with pytest.raises(InputError, match=r"--group-b x: .* got none, of dense .*; sparse"):
        pair(everything, everything, None, group_a="sparse", group_b="x")
    with pytest.raises(InputError, match=r"none/run1: .* got no such folder"):
        pair(f"{runs}/dense/run1,{runs}/none/run1", everything, None)
    for folder, group in (("a,b", "dense2"), ("c", "dense3")):
        write_eval(runs / folder, REFERENCES, REFERENCES, group=group)
    with pytest.raises(InputError, match=r"got 2 settings: dense2 .*; dense3 .*seed 1"):
        pair(f"{runs}/*", named, None, group_a="dens")
    a, _, _ = pair(f"{runs}/*,{everything}", named, None, group_a="dense")  # the key itself
    assert a.group_key == "dense"
    a, _, _ = pair(f"{runs}/a,b", named, None)  # a name with a comma
    assert a.group_key == "dense2"


def test_a_folder_with_brackets_in_its_name_is_found(runs: Path) -> None:
    folder = runs / "fisher[clean]"
    write_eval(folder, REFERENCES, REFERENCES, group="dense")
    for patterns in (f"{folder}", f"{folder},{runs}/dense/run2"):
        a, _, _ = pair(patterns, f"{runs}/sparse/run?", None)
        assert a.group_key == "dense"
    with pytest.raises(InputError, match=r"none\[clean\]: .* got no such folder"):
        pair(f"{runs}/none[clean]", f"{runs}/dense/*", None)
    with pytest.raises(InputError, match="got no such folder"):
        pair(f"{runs}/dense/run1,", f"{runs}/dense/*", None)


def test_keys_are_options_of_the_command(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([f"{runs}/*/*", f"{runs}/*/*", "--group-a", "dense", "--group-b", "spa"])
    out = capsys.readouterr().out
    assert "demo/dense (dense)" in out
    assert "demo/sparse (dense)" in out


def test_speakers_and_what_cannot_be_said_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """20 speakers who each lose one word; two more utterances of theirs, alike in both."""
    references, speakers = ["one two"] * 24, [f"s{i % 20}" for i in range(24)]
    for group, texts in (
        ("dense", ["one two"] * 24),
        ("few", [*["one"] * 3, *["one two"] * 21]),
        ("all", ["one"] * 24),
    ):
        write_eval(tmp_path / group, references, texts, group=group, speakers=speakers)
    main([f"{tmp_path}/dense", f"{tmp_path}/few"])
    rows = answers(capsys.readouterr().out)
    assert rows["resampled"] == "speakers"
    assert rows["p, MAPSSWE (3 segments)"] == "too few segments"
    assert rows["utterances to show such a difference"].endswith(" speakers")
    main([f"{tmp_path}/dense", f"{tmp_path}/all"])
    out = capsys.readouterr().out
    rows = answers(out)
    assert rows["WER of b less that of a, points"] == "50.00 [-]"
    assert rows["relative, %"] == "- [-]"
    assert rows["p, paired bootstrap"] == "below 0.0001"


def answers(out: str) -> dict[str, str]:
    """The table of questions and answers."""
    lines = [line.strip("│┃ ") for line in out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.split("│")] for line in lines]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_as_a_user_runs_it(runs: Path) -> None:
    ended = run([sys.executable, "-m", "asr.statistics", f"{runs}/dense/*", f"{runs}/none"])
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {runs}/none: expected run folders")
