"""What the benchmark of a sweep refuses; it takes half a minute and is run by hand."""

import sys

import pytest

from asr.sweep.benchmark import main


@pytest.mark.parametrize("option", ["--jobs", "--finished"])
def test_numbers_below_one_are_refused(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", option, "-1"])
    with pytest.raises(SystemExit):
        main()
    assert f"argument {option}: expected a whole number above 0" in capsys.readouterr().err
