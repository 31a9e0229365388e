"""A dense model's width by its size: by trying every width, and on a pruned run."""

import sys
from pathlib import Path

import pytest
import torch

from asr.checkpoint import read_checkpoint
from asr.errors import InputError
from asr.evaluation.matching_width import main, matching_width, parameter_count
from tests import finished_run


@pytest.mark.parametrize("wanted", [10, 11, 35, 36, 100, 5000, 5049, 5051, 123456])
def test_no_width_is_nearer(wanted: int) -> None:
    def count(width: int) -> int:
        return width * width + 3 * width + 6

    widths = range(1, 400)
    assert matching_width(wanted, count) == min(widths, key=lambda w: abs(count(w) - wanted))


def test_a_front_end_that_is_too_large_is_told() -> None:
    with pytest.raises(InputError, match="100 at a width of 1"):
        matching_width(99, lambda width: 99 + width)


def test_the_count_is_that_of_the_real_model() -> None:
    plan = finished_run.blueprint()
    model = plan.build().model
    own = int(plan.model_arguments["hidden"])
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameter_count(plan.model_arguments, own) == parameters
    assert parameter_count(plan.model_arguments, 2 * own) > 2 * parameters


def test_the_command_counts_what_is_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_run.write_run(tmp_path / "run")
    path = tmp_path / "run/checkpoints/best.ckpt"
    checkpoint = read_checkpoint(path)
    arguments = checkpoint["recogniser"]["model_arguments"]
    own = int(arguments["hidden"])
    monkeypatch.setattr(sys, "argv", ["matching_width", str(path)])
    main()
    assert int(capsys.readouterr().out) <= own  # the biases of a fresh model may be zero
    for name, weight in checkpoint["state_dict"].items():
        if "weight_ih" in name or "weight_hh" in name:
            weight[: int(0.9 * len(weight))] = 0
    torch.save(checkpoint, path)
    main()
    told = capsys.readouterr()
    width = int(told.out)
    assert 1 <= width < own / 2
    state = checkpoint["state_dict"]
    parameters = [n for n in state if "running" not in n and "batches" not in n]
    nonzero = sum(int(torch.count_nonzero(state[name])) for name in parameters)
    assert f"{nonzero:,} weights" in told.err
    near = [abs(parameter_count(arguments, w) - nonzero) for w in (width - 1, width, width + 1)]
    assert near[1] == min(near)
