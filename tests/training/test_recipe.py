"""Settings that cannot be are refused, and those that can train."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from asr.checkpoint import load_trained
from asr.errors import InputError
from asr.training.checkpoints import best_rates
from asr.training.recipe import Hardware, Recipe, make_trainer
from asr.training.run_folder import RunFolder
from tests.training.in_process import IDENTITY, preset, speech_data, speech_module, trainer


def recipe(**changes: Any) -> Recipe:
    return Recipe(**preset("training/default.yaml") | changes)


def hardware(**changes: Any) -> Hardware:
    return Hardware(**preset("hardware/cpu.yaml") | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"accumulate": 0},
        {"gradient_clip": 0.0},
        {"ema_decay": 1.0},
        {"precision": "64-true"},
        {"on_non_finite": "ignore"},
    ],
)
def test_recipes_that_cannot_be(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(InputError, match=rf"training\.{name}: expected"):
        recipe(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"devices": 0},
        {"nodes": 0},
        {"threads": 0},
        {"workers": -1},
        {"keep_gigabytes": -1.0},
        {"keep_gigabytes": 1.0},  # beside a worker
    ],
)
def test_hardware_that_cannot_be(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(InputError, match=rf"hardware\.{name}: expected"):
        hardware(**changes)


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_16_mixed_on_a_cpu_is_refused(tmp_path: Path, accelerator: str) -> None:
    if accelerator == "auto" and torch.accelerator.is_available():
        pytest.skip("here, auto is no CPU")
    with pytest.raises(InputError, match=r"training\.precision: expected bf16-mixed"):
        trainer(tmp_path, precision="16-mixed", accelerator=accelerator)


@pytest.mark.parametrize(
    ("capabilities", "precision", "told"),
    [
        ({"avx2": True, "avx512_bf16": False}, "bf16-mixed", True),
        ({"avx2": True, "avx512_bf16": False}, "32-true", False),
        ({"avx512_bf16": True}, "bf16-mixed", False),
        ({"amx_bf16": True}, "bf16-mixed", False),
    ],
)
def test_bf16_without_its_instructions_is_told(
    capabilities: dict[str, bool],
    precision: str,
    told: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    trainer(tmp_path, precision=precision)
    assert ("no bf16 instructions" in capsys.readouterr().out) == told


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has one")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hardware: expected devices that this machine has"):
        trainer(tmp_path, accelerator="gpu")


def test_one_thing_a_setting(tmp_path: Path) -> None:
    made = make_trainer(
        recipe(epochs=7, gradient_clip=None, accumulate=3),
        hardware(scan_worst_batch=True),
        RunFolder(tmp_path, IDENTITY),
    )
    assert (made.max_epochs, made.gradient_clip_val, made.accumulate_grad_batches) == (7, None, 3)
    assert any(type(each).__name__ == "WorstBatchScan" for each in made.callbacks)  # type: ignore[attr-defined]


def test_bf16_mixed_trains_and_keeps_its_weights_in_float32(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, epochs=1)
    before = {name: value.clone() for name, value in module.model.named_parameters()}
    made = trainer(tmp_path, precision="bf16-mixed", epochs=1)
    made.fit(module, datamodule=data, weights_only=True)
    stored = dict(load_trained(tmp_path).model.named_parameters())
    assert all(value.dtype == torch.float32 for value in stored.values())
    assert all(value.isfinite().all() for value in stored.values())
    assert not any(torch.equal(stored[name], before[name]) for name in before)
    assert best_rates(made)["wer"] == float(made.callback_metrics["wer"])


class Norms(Callback):
    """The gradient's norm as the optimizer gets it."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_zero_grad(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, _: object
    ) -> None:
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        if gradients:
            self.seen.append(float(torch.stack([g.norm() for g in gradients]).norm()))


def test_the_gradient_is_clipped_by_its_global_norm(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    bounded, free = Norms(), Norms()
    trainer(tmp_path / "a", bounded, gradient_clip=0.5, epochs=1).fit(
        speech_module(data, epochs=1), datamodule=data, weights_only=True
    )
    trainer(tmp_path / "b", free, gradient_clip=None, epochs=1).fit(
        speech_module(data, epochs=1), datamodule=data, weights_only=True
    )
    assert max(bounded.seen) <= 0.5 * (1 + 1e-5)
    assert max(free.seen) > 0.5


def test_the_average_of_the_weights_is_what_is_kept(tones: Path, tmp_path: Path) -> None:
    """A slow average stays near the fresh weights that training itself leaves behind."""
    data = speech_data(tones)
    distance = {}
    for name, decay in (("none", None), ("slow", 0.999)):
        module = speech_module(data, epochs=2)
        before = {key: value.clone() for key, value in module.model.named_parameters()}
        trainer(tmp_path / name, ema_decay=decay, epochs=2).fit(
            module, datamodule=data, weights_only=True
        )
        stored = load_trained(tmp_path / name).model.state_dict()
        moved = [(stored[key] - before[key]).norm().item() ** 2 for key in before]
        distance[name] = sum(moved) ** 0.5
    assert 0 < distance["slow"] < 0.1 * distance["none"]
