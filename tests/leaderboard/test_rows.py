"""Rows: seeds together, the right baseline, the numbers of asr.statistics."""

import math
import re
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.evaluation.result import Hypothesis, save
from asr.leaderboard.columns import records
from asr.leaderboard.payload import payload
from asr.leaderboard.reading import find_results
from asr.leaderboard.rows import Board, adjusted, build
from asr.leaderboard.selection import ordered, select
from asr.leaderboard.synthetic import key_of
from asr.leaderboard.text import readable
from asr.statistics.comparison import compare
from asr.statistics.system import read_systems
from tests.leaderboard.conftest import DENSE, SPARSE, result


def _words(errors: int, right: int) -> dict[str, int]:
    return {"hits": right, "substitutions": errors, "deletions": 0, "insertions": 0}


def _bare(folder: Path, name: str, **fields: object) -> None:
    """A result without hypotheses, as one that was copied for keeping."""
    save(folder / name, result(run_key=name, **fields), [])
    (folder / name / "hypotheses.jsonl").unlink()


def test_rates_are_pooled_over_seeds_and_not_averaged(tmp_path: Path) -> None:
    _bare(tmp_path, "s1", group_key="g", seed=1, sparsity=0.5, **_words(1, 9))
    _bare(tmp_path, "s2", group_key="g", seed=2, sparsity=0.7, **_words(30, 60))
    (row,) = build(find_results([tmp_path])).rows
    assert row.seeds == (1, 2)
    assert row.sparsity == pytest.approx(0.6)
    rate = row.cells["c-test"].rates["words"]
    assert rate.interval.estimate == pytest.approx(31 / 100)
    assert math.isnan(rate.interval.low)
    assert rate.drawn == ""


def test_a_setting_of_several_experiments_has_all_their_names(tmp_path: Path) -> None:
    for seed, experiment in ((1, "tuning"), (2, "study"), (3, "study")):
        _bare(tmp_path, f"s{seed}", group_key="g", seed=seed, experiment=experiment, **_words(1, 9))
    board = build(find_results([tmp_path]))
    (row,) = board.rows
    assert (row.experiment, row.seeds) == ("study, tuning", (1, 2, 3))
    for name in ("study", "tuning", "st*"):
        assert select(board, [f"experiment={name}"]).rows == (row,)
    with pytest.raises(InputError, match="none left"):
        select(board, ["experiment=other"])


def test_a_language_model_is_what_is_in_its_file(tmp_path: Path) -> None:
    for name, model in (("d", "queen.arpa (sha256 ab12)"), ("s", "other.arpa (sha256 ab12)")):
        settings = {"decoder": "beam", "language_model": model, "baseline_key": "d"}
        _bare(tmp_path, name, group_key=name, **settings, **_words(10, 90))
    rows = {row.group_key: row for row in build(find_results([tmp_path])).rows}
    assert rows["s"].cells["c-test"].differences
    assert rows["s"].language_model == "other.arpa (sha256 ab12)"


def test_a_rate_without_a_spread_has_no_interval_over_anything(tmp_path: Path) -> None:
    heard = [Hypothesis(f"{n}.wav", "a b", "", 1.0, "", 0.0) for n in range(3)]
    counts = {"hits": 0, "substitutions": 0, "deletions": 6, "insertions": 0}
    characters = {
        "char_hits": 0,
        "char_substitutions": 0,
        "char_deletions": 9,
        "char_insertions": 0,
    }
    scored = result(run_key="k", utterances=3, wer=1.0, cer=1.0, **counts, **characters)
    save(tmp_path / "k", scored, heard)
    (row,) = build(find_results([tmp_path])).rows
    rate = row.cells["c-test"].rates["words"]
    assert (rate.interval.estimate, rate.drawn) == (1.0, "")
    assert math.isnan(rate.interval.low)


def test_the_baseline_has_the_same_test_set_decoder_and_language_model(tmp_path: Path) -> None:
    for name, decoder, model, errors in (
        ("greedy", "greedy", None, 10),
        ("beam", "beam", "lm.arpa", 5),
    ):
        settings = {"decoder": decoder, "language_model": model}
        _bare(tmp_path, f"d-{name}", group_key="d", baseline_key="d", **settings,
              **_words(errors, 100 - errors))  # fmt: skip
        _bare(tmp_path, f"s-{name}", group_key="s", baseline_key="d", **settings,
              **_words(20, 80))  # fmt: skip
    # Another version of the test set, on which dense was never scored.
    _bare(tmp_path, "other", group_key="s", baseline_key="d", decoder="greedy",
          manifest_sha256="b" * 64, **_words(20, 80))  # fmt: skip
    board = build(find_results([tmp_path]))
    assert [one.name for one in board.sets] == ["c-test (aaaaaaaa)", "c-test (bbbbbbbb)"]
    gaps = {}
    for row in board.rows:
        for name, cell in row.cells.items():
            found = cell.differences and cell.differences["words"].interval.estimate
            gaps[row.group_key, row.decoder, name[-9:-5]] = found
    assert gaps == {
        ("d", "greedy", "aaaa"): None,
        ("d", "beam", "aaaa"): None,
        ("s", "greedy", "aaaa"): pytest.approx(0.10),
        ("s", "beam", "aaaa"): pytest.approx(0.15),
        ("s", "greedy", "bbbb"): None,
    }


def test_numbers_are_those_of_the_statistics_package(runs: Path, board: Board) -> None:
    folders = {
        key: sorted((runs / "sweep" / run / "eval" / "books-noisy-greedy") for run in row.runs)
        for row in board.rows
        if (key := row.group_key) in (key_of(DENSE), key_of(SPARSE[3]))
    }
    (dense,), (sparse,) = (read_systems(folders[key_of(one)]) for one in (DENSE, SPARSE[3]))
    (row,) = (row for row in board.rows if row.group_key == key_of(SPARSE[3]))
    cell = row.cells["books-noisy"]
    assert cell.rates["words"].interval.estimate == pytest.approx(sparse.wer)
    assert cell.rates["words"].drawn == "speakers"
    assert cell.rates["characters"].interval.low < sparse.cer
    assert cell.rates["characters"].interval.high > sparse.cer
    for unit in ("words", "characters"):
        assert cell.differences is not None
        found, expected = cell.differences[unit], compare(dense, sparse, unit=unit)
        assert found.interval == expected.difference
        assert found.relative == expected.relative
        assert found.p == expected.p


def test_holm_corrects_over_the_rows_of_a_test_set(board: Board) -> None:
    for name in ("books-clean", "books-noisy"):
        found = [d["words"] for row in board.rows if (d := row.cells[name].differences)]
        assert len(found) == len(SPARSE)
        # By hand: the k-th smallest p times the number of those not smaller, never falling.
        ranked = sorted(found, key=lambda one: one.p)
        corrected = [min(1.0, (len(ranked) - k) * one.p) for k, one in enumerate(ranked)]
        expected = [max(corrected[: k + 1]) for k in range(len(corrected))]
        assert [one.p_holm for one in ranked] == pytest.approx(expected)


def test_hypotheses_that_do_not_fit_cost_the_interval_and_it_is_said(
    runs: Path, tmp_path: Path
) -> None:
    source = next((runs / "sweep").glob("*/eval/*"))
    (tmp_path / "result.json").write_bytes((source / "result.json").read_bytes())
    lines = (source / "hypotheses.jsonl").read_text().splitlines()
    (tmp_path / "hypotheses.jsonl").write_text("\n".join(lines[1:]) + "\n")
    board = adjusted(build(find_results([tmp_path])))
    (cell,) = board.rows[0].cells.values()
    assert math.isnan(cell.rates["words"].interval.low)
    assert len(board.notes) == 1
    assert board.notes[0].startswith("no interval: ")


def test_a_row_that_loses_its_interval_for_want_of_hypotheses_is_told(tmp_path: Path) -> None:
    heard = [Hypothesis("a", "x y", "x y", 1.0, "", 0.0)] * 2
    right = {**_words(0, 4), "wer": 0.0, "char_hits": 6, "char_deletions": 0}
    right |= {"char_substitutions": 0, "char_insertions": 0, "cer": 0.0}
    for seed in (1, 2):
        save(
            tmp_path / f"k{seed}",
            result(run_key=f"k{seed}", group_key="g", seed=seed, **right),
            heard,
        )
    assert build(find_results([tmp_path])).notes == ()
    (tmp_path / "k2" / "hypotheses.jsonl").unlink()
    board = build(find_results([tmp_path]))
    assert math.isnan(board.rows[0].cells["c-test"].rates["words"].interval.low)
    (note,) = board.notes
    assert "name/g on c-test: 1 of 2 results have no hypotheses.jsonl" in note
    assert str(tmp_path / "k2") in note
    (tmp_path / "k1" / "hypotheses.jsonl").unlink()
    (note,) = build(find_results([tmp_path])).notes
    assert note.startswith("no intervals for 1 of 1 rows on c-test")


@pytest.mark.parametrize(("sparse", "dense"), [((1,), (1, 2)), ((1, 2), (1,)), ((1, 2), (1, 2))])
def test_one_seed_on_either_side_of_a_difference_is_marked(
    tmp_path: Path, sparse: tuple[int, ...], dense: tuple[int, ...]
) -> None:
    for group, seeds, errors in (("s", sparse, 20), ("d", dense, 10)):
        for seed in seeds:
            _bare(tmp_path, f"{group}{seed}", group_key=group, baseline_key="d", seed=seed,
                  **_words(errors, 100 - errors))  # fmt: skip
    board = adjusted(build(find_results([tmp_path])))
    cells = {row.group_key: row.cells["c-test"] for row in board.rows}
    assert cells["s"].baseline_seeds == len(dense)
    expected = 1 in (len(sparse), len(dense))
    _, texts = readable(board)
    told = {row[0].split(",")[0]: row[-1] for row in texts}
    assert told["name/s"].endswith("+10.00, 1 seed" if expected else "+10.00")
    assert "seed" not in told["name/d"]  # nothing is compared there
    (row,) = (row for row in payload(board)["rows"] if row["group"] == "s")
    assert row["cells"][0].get("oneSeed", False) == expected


def test_times_of_several_devices_are_neither_averaged_nor_ranked(tmp_path: Path) -> None:
    gpu = "cuda (A)"
    for name, devices, rtf in (
        ("mixed", ("cpu", gpu), 0.5),
        ("fast", (gpu, gpu), 0.001),
        ("slow", (gpu,), 0.003),
        ("host", ("cpu", "cpu"), 0.002),
    ):
        for seed, device in enumerate(devices):
            _bare(tmp_path, f"{name}{seed}", group_key=name, seed=seed, device=device,
                  rtf=rtf * (1 + seed), **_words(1, 9))  # fmt: skip
    board = build(find_results([tmp_path]))
    rows = {row.group_key: row for row in board.rows}
    assert rows["fast"].rtf == pytest.approx(0.0015)
    assert math.isnan(rows["mixed"].rtf)
    assert rows["mixed"].devices == ("cpu", gpu)
    (note,) = (note for note in board.notes if "rtf" in note)
    assert note.startswith(f"no rtf for name/mixed: it was scored on cpu and {gpu}, ")
    for descending, order in (
        (False, ["host", "fast", "slow", "mixed"]),
        (True, ["slow", "fast", "host", "mixed"]),
    ):
        shown = ordered(board, "rtf", descending=descending).rows
        assert [row.group_key for row in shown] == order
    headings, texts = readable(board)
    told = {re.split("[/,]", row[0])[1]: row[headings.index("rtf")] for row in texts}
    assert told["host"] == "0.0030"
    assert told["slow"] == f"0.0030 on {gpu}"
    assert told["mixed"] == f"none on cpu and {gpu}"
    assert {row["group"]: row["devices"] for row in payload(board)["rows"]}["slow"] == (gpu,)
    assert {one["group_key"]: one["devices"] for one in records(board)}["mixed"] == f"cpu, {gpu}"


def test_an_exported_file_gives_the_bytes(tmp_path: Path) -> None:
    _bare(tmp_path, "s1", bytes=1000)
    found = find_results([tmp_path])
    assert [(row.bytes, row.bytes_of) for row in build(found).rows] == [(1000, "fp32 weights")]
    found.exported["s1"] = 300
    assert [(row.bytes, row.bytes_of) for row in build(found).rows] == [(300, "exported file")]


def test_the_network_is_described_from_its_configuration(board: Board) -> None:
    assert {row.model for row in board.rows} == {"gru 2x256, both ways"}
