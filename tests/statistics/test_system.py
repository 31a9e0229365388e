import json
import shutil
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.evaluation.result import HYPOTHESES, RESULT
from asr.statistics.system import read_systems
from tests.statistics.systems import write_eval

REFERENCES = ["a b c", "", "d e"]


def test_seeds_are_one_system_of_means(tmp_path: Path) -> None:
    folders = [
        write_eval(tmp_path / "2", REFERENCES, ["a x c", "y", "d e"], seed=2),
        write_eval(tmp_path / "1", REFERENCES, ["a b c", "", "d"], seed=1),
        write_eval(tmp_path / "other", REFERENCES, REFERENCES, group="sparse"),
    ]
    dense, sparse = read_systems(folders)
    assert (dense.group_key, sparse.group_key) == ("dense", "sparse")
    assert [one.seed for one in dense.results] == [1, 2]
    assert dense.texts == (("a b c", "", "d"), ("a x c", "y", "d e"))
    assert dense.word_errors.tolist() == [0.5, 0.5, 0.5]
    assert dense.words.tolist() == [3, 0, 2]
    assert dense.wer == pytest.approx(1.5 / 5)
    assert dense.wer == pytest.approx(sum(one.wer for one in dense.results) / 2)
    assert dense.character_errors.tolist() == [0.5, 0.5, 1.0]
    assert dense.cer == pytest.approx(2 / 8)
    assert dense.slots.per_utterance(dense.slots.errors).tolist() == [0.5, 0.5, 0.5]
    assert (sparse.wer, sparse.name) == (0.0, "demo/sparse (dense)")


def test_test_sets_and_decoders_are_systems_of_their_own(tmp_path: Path) -> None:
    folders = [
        write_eval(tmp_path / "1", REFERENCES, REFERENCES),
        write_eval(tmp_path / "1", REFERENCES, REFERENCES, decoder="beam"),
        write_eval(tmp_path / "1", REFERENCES, REFERENCES, split="other"),
    ]
    assert [(one.decoder, one.results[0].split) for one in read_systems(folders)] == [
        ("greedy", "test"),
        ("beam", "test"),
        ("greedy", "other"),
    ]


def refused(*folders: Path) -> str:
    with pytest.raises(InputError) as error:
        read_systems(folders)
    return str(error.value)


def test_a_run_twice_is_no_second_seed(tmp_path: Path) -> None:
    folder = write_eval(tmp_path / "1", REFERENCES, REFERENCES)
    shutil.copytree(folder, tmp_path / "copy")
    assert "each run once, got run dense-1" in refused(folder, tmp_path / "copy")


def test_seeds_of_other_references_are_refused(tmp_path: Path) -> None:
    first = write_eval(tmp_path / "1", REFERENCES, REFERENCES, seed=1)
    other = write_eval(tmp_path / "2", ["a b c", "", "d f"], REFERENCES, seed=2)
    assert "1 that differ, the first 2.wav: 'd e' and 2.wav: 'd f'" in refused(first, other)


def test_hypotheses_that_do_not_fit_their_result_are_refused(tmp_path: Path) -> None:
    folder = write_eval(tmp_path / "1", REFERENCES, ["a x c", "", "d e"])
    path = folder / HYPOTHESES
    path.write_text(path.read_text().replace("a x c", "a b c"))
    assert "[1, 1, 5], got [0, 0, 5]" in refused(folder)
    path.unlink()
    assert "hypotheses as evaluate.py writes them" in refused(folder)


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    folder = write_eval(tmp_path / "1", REFERENCES, REFERENCES)
    content = json.loads((folder / RESULT).read_text())
    (folder / RESULT).write_text(json.dumps({**content, "wer": "low"}))
    assert "wer = 'low'" in refused(folder)
