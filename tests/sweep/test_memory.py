"""What makes a sweep look anew at what it has planned before."""

from pathlib import Path

import pytest

from asr.sweep.memory import stamp


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:ASR_NAMED}",
        "${oc.decode:${oc.env:ASR_NAMED,1e-3}}/x",
        "'${oc.env: ''ASR_NAMED'' , 1}'",
        r'"${oc.env:\"ASR_NAMED\"}"',
        "${oc.env:${oc.env:ASR_NAME_OF_IT}}",
        "${oc.env:${name}}",
    ],
)
def test_variables_that_a_file_names(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is not set is a value too."""
    monkeypatch.setenv("ASR_NAME_OF_IT", "ASR_NAMED")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.yaml").write_text(f"name: ASR_NAMED\nvalue: {value}\n")
    stamps = [stamp([tmp_path])]
    for text in ("", "1", "2"):
        monkeypatch.setenv("ASR_NAMED", text)
        stamps.append(stamp([tmp_path]))
        assert stamp([tmp_path]) == stamps[-1]
    assert len(set(stamps)) == 4


def test_variables_that_no_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("value: ${oc.env:ASR_NAMED}\n")
    before = stamp([tmp_path])
    monkeypatch.setenv("ASR_OTHER", "1")
    assert stamp([tmp_path]) == before
