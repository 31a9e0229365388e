"""What a pruned training leaves on record agrees with what its weights went through."""

import csv
from pathlib import Path
from typing import Any

import lightning
import pytest
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import WandbLogger
from PIL import Image

from asr.sparsity.lasso import LassoPruning
from asr.sparsity.penalty import Penalty
from asr.training.checkpoints import newest_readable
from asr.training.loggers import log_pictures
from tests.training.in_process import speech_data, speech_module, trainer
from tests.training.test_pruning import RECURRENT, pruned_module


class StopError(Exception):
    """Ends a training as a crash would."""


class Recount(Callback):
    """Counts zeros after every batch, by a loop of its own; may crash at a step."""

    def __init__(self, crash: int | None = None) -> None:
        self.zeros: dict[int, dict[str, float]] = {}
        self.crash = crash

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        self.zeros[trainer.global_step] = {
            name: sum(value == 0 for value in weight.flatten().tolist()) / weight.numel()
            for name, weight in module.model.named_parameters()  # type: ignore[union-attr]
            if "weight_hh" in name or "weight_ih" in name
        }
        if self.crash == trainer.global_step:
            raise StopError


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "masks/updates.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def recorded(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training that crashed after its second epoch's checkpoint and went on."""
    folder = tmp_path_factory.mktemp("run")
    data, module = pruned_module(tones)
    first = Recount(crash=module.total_steps - 1)
    with pytest.raises(StopError):
        trainer(folder, first).fit(module, datamodule=data)
    before = table(folder)
    data, module = pruned_module(tones)
    again = Recount()
    fitted = trainer(folder, again)
    checkpoint = newest_readable(folder / "checkpoints")
    fitted.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return folder, module, {**first.zeros, **again.zeros}, before


def test_every_update_has_a_row_of_every_matrix_and_gate(recorded: Any) -> None:
    folder, module, zeros, before = recorded
    rows = table(folder)
    assert [row["step"] for row in before] != [], "the first process recorded too"
    steps = list(dict.fromkeys(int(row["step"]) for row in rows))
    due = [s for s in range(1, module.total_steps + 1) if module.pruner.rule.due(s)]
    assert steps == due, "no update is missing or written twice after the crash"
    labels = {part.label for part in module.pruner.parts} | set(module.pruner.pruned)
    for step in steps:
        own = [row for row in rows if int(row["step"]) == step]
        assert sorted(row["matrix"] for row in own) == sorted(labels)
        for row in own:
            if row["matrix"] in zeros[step]:
                assert float(row["sparsity"]) == zeros[step][row["matrix"]]
    # What was removed, all told, is what is missing at the end.
    for part in module.pruner.parts:
        own = [row for row in rows if row["matrix"] == part.label]
        gone = int((~module.pruner.kept[part.label]).sum())
        assert sum(int(row["removed"]) for row in own) == gone > 0
        assert sum(int(row["grown"]) for row in own) == 0
        assert [float(row["target"]) for row in own] == sorted(float(r["target"]) for r in own)
        assert float(own[-1]["target"]) == 0.9
        weight = part.of(module.pruner.weights[part.weight].detach())
        assert int(own[-1]["dead_rows"]) == sum(not any(row) for row in weight.tolist())
        assert int(own[-1]["unused_columns"]) == sum(not any(c) for c in weight.T.tolist())


def test_the_metrics_hold_the_totals(recorded: Any) -> None:
    folder, module, _, _ = recorded
    metrics = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    found = [row for row in metrics if row["sparsity"]]
    assert float(found[-1]["sparsity"]) == pytest.approx(0.9, abs=0.01)
    removed = sum(float(row["blocks_removed"]) for row in found)
    assert removed == sum(int((~kept).sum()) for kept in module.pruner.kept.values())


def test_a_picture_shows_the_mask_of_every_matrix(recorded: Any) -> None:
    folder, module, _, _ = recorded
    drawn = {path.stem for path in (folder / "masks").glob("*.png")}
    assert drawn == {*module.pruner.pruned, "sparsity"}
    for name in module.pruner.pruned:
        picture = Image.open(folder / f"masks/{name}.png").convert("L")
        assert min(picture.size) > 100
        counts = picture.histogram()
        black, white = sum(counts[:40]), sum(counts[216:])
        assert white > 3 * black > 0, "nine tenths of the mask are white"


def test_a_penalty_is_recorded_while_it_lasts(tones: Path, tmp_path: Path) -> None:
    data, module = pruned_module(tones, epochs=8)
    method = LassoPruning(
        "group_lasso", RECURRENT, [4, 4], Penalty("group_lasso", 0.5, "proximal"), 0.0, 0.0, 0.6
    )
    module.pruner = method.pruner(
        dict(module.model.named_parameters()), total_steps=module.total_steps, epochs=8
    )
    trainer(tmp_path, epochs=8).fit(module, datamodule=data)
    end = module.pruner.penalty_window.end
    steps = sorted({int(row["step"]) for row in table(tmp_path)})
    assert steps == [*range(10, end, 10), end]
    metrics = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    penalties = [float(row["penalty"]) for row in metrics if row.get("penalty")]
    assert len(penalties) == len(steps)
    assert penalties[-1] < penalties[0]


def test_pictures_go_to_wandb(tmp_path: Path) -> None:
    sent: dict[str, Any] = {}

    class Fake(WandbLogger):
        def __init__(self) -> None:
            pass

        def __getattribute__(self, name: str) -> Any:
            if name == "log_image":
                return lambda key, images: sent.update({key: images})
            return super().__getattribute__(name)

    pictures = [tmp_path / "a.weight.png", tmp_path / "sparsity.png"]
    log_pictures([Fake()], pictures)
    assert sent == {
        "masks/a.weight": [str(pictures[0])],
        "masks/sparsity": [str(pictures[1])],
    }


def test_a_dense_run_has_no_masks_folder(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, epochs=1)
    trainer(tmp_path, epochs=1).fit(module, datamodule=data)
    assert not (tmp_path / "masks").exists()
