"""Masks hold under everything that training does, from the first update to the checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from asr.checkpoint import load_trained
from asr.errors import InputError
from asr.evaluation.size import measure
from asr.sparsity.gradual import GradualPruning
from asr.sparsity.lasso import LassoPruning
from asr.sparsity.penalty import Penalty
from asr.sparsity.selection import Selection
from asr.training.module import SpeechModule
from tests.sparsity import plain
from tests.training.in_process import LossScaler, speech_data, speech_module, trainer

RECURRENT = Selection([r"\.weight_(ih|hh)_l0$"], "separate", False)


def pruned_module(tones: Path, *, epochs: int = 3, accumulate: int = 1, **changes: Any) -> Any:
    """Data and a module whose recurrent weights lose 90 % of their 4x4 blocks."""
    data = speech_data(tones)
    arguments: dict[str, Any] = {
        "method": "gradual_block",
        "select": RECURRENT,
        "block": [4, 4],
        "sparsity": 0.9,
        "exceptions": [],
        "score": "l2",
        "start": 0.1,
        "end": 0.7,
        "frequency": 0.05,
        "regrow": 0.0,
    }
    method = GradualPruning(**{**arguments, **changes})
    return data, pruned_by(method, speech_module(data, epochs=epochs, accumulate=accumulate))


def pruned_by(method: Any, module: SpeechModule) -> SpeechModule:
    module.pruner = method.pruner(
        dict(module.model.named_parameters()),
        total_steps=module.total_steps,
        epochs=module.epochs,
    )
    return module


def masked(module: SpeechModule) -> dict[str, Tensor]:
    """True where a weight is under a mask, by an expansion of the blocks of the test's own."""
    found: dict[str, list[Tensor]] = {}
    for part in module.pruner.parts:
        blocks = module.pruner.kept[part.label]
        found.setdefault(part.weight, []).append(
            torch.kron(blocks.to(torch.uint8), torch.ones(4, 4, dtype=torch.uint8)) == 0
        )
    return {name: torch.cat(rows) for name, rows in found.items()}


class Watch(Callback):
    """Looks at every forward pass in training and validation, and after every step."""

    def __init__(self) -> None:
        self.looks = self.zeros = 0
        self.kinds: set[str] = set()

    def look(self, module: SpeechModule) -> None:
        weights = dict(module.model.named_parameters())
        for name, mask in masked(module).items():
            assert not weights[name].detach()[mask].any(), name
            self.zeros = max(self.zeros, int(mask.sum()))
        self.looks += 1
        self.kinds.add("training" if module.training else "validation")

    def on_fit_start(self, _: Any, module: Any) -> None:
        module.model.register_forward_pre_hook(lambda *_: self.look(module))

    def on_before_zero_grad(self, _: Any, module: Any, __: Any) -> None:
        self.look(module)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"precision": "bf16-mixed"},
        {"gradient_clip": 0.1},
        {"gradient_clip": None},
        {"accumulate": 2},
        {"ema_decay": 0.9},
    ],
    ids=str,
)
def test_masked_weights_are_zero_whenever_anyone_looks(
    tones: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    data, module = pruned_module(tones, accumulate=changes.get("accumulate", 1))
    watch = Watch()
    trainer(tmp_path, watch, **changes).fit(module, datamodule=data)
    assert watch.kinds == {"training", "validation"}
    assert watch.looks > module.total_steps
    checkpoint = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    states = [checkpoint["state_dict"]]
    assert ("current_model_state" in checkpoint) == ("ema_decay" in changes)
    states += [checkpoint["current_model_state"]] if "ema_decay" in changes else []
    for state in states:
        for name, mask in masked(module).items():
            found = state[f"model.{name}"] == 0
            assert torch.equal(found, mask), name
    for blocks in module.pruner.kept.values():
        assert int(blocks.sum()) == round(0.1 * blocks.numel() - 1e-9)


def test_a_step_that_the_loss_scaler_skipped_ranks_nothing(tones: Path, tmp_path: Path) -> None:
    """One infinite gradient makes zeros of all others as they are clipped: they are no scores."""
    grown: dict[bool, int] = {False: 0, True: 0}  # by whether the step has overflowed
    data, module = pruned_module(tones, regrow=0.5)

    class Overflow(Callback):
        def on_after_backward(self, _: Any, module: Any) -> None:
            if module.pruner.step >= module.total_steps // 3:
                module.model.output.bias.grad[0] = torch.inf

        def on_train_batch_end(self, _: Any, module: Any, *__: Any) -> None:
            if module.update and module.update.step == module.pruner.step:
                overflowed = module.pruner.step > module.total_steps // 3
                grown[overflowed] += sum(module.update.grown.values())

    made = trainer(tmp_path, Overflow())
    made.strategy.precision_plugin = LossScaler()
    made.fit(module, datamodule=data)
    assert grown[False] > 0
    assert grown[True] == 0


class History(Callback):
    """The weights after every optimizer step."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, Tensor]] = {}

    def on_train_batch_end(self, _: Any, module: Any, *__: Any) -> None:
        current = {name: one.detach().clone() for name, one in module.model.named_parameters()}
        self.weights[module.pruner.step] = current


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_average_holds_nothing_of_before_the_masks(
    tones: Path, tmp_path: Path, accumulate: int
) -> None:
    """By its recurrence, from the step at which the masks last changed."""
    data, module = pruned_module(tones, accumulate=accumulate)
    history = History()
    trainer(tmp_path, history, ema_decay=0.99, accumulate=accumulate).fit(module, datamodule=data)
    final = module.pruner.changed
    assert 0 < final < module.total_steps == max(history.weights)
    state = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    for name, weight in history.weights[final].items():
        average = weight.clone()
        for step in range(final + 1, module.total_steps + 1):
            average += 0.01 * (history.weights[step][name] - average)
        assert torch.allclose(state[f"model.{name}"], average, atol=1e-6), name


def test_what_is_scored_was_chosen_after_pruning_and_says_how_it_was_pruned(
    tones: Path, tmp_path: Path
) -> None:
    data, module = pruned_module(tones)
    best = tmp_path / "checkpoints/best.ckpt"
    there: list[tuple[bool, bool]] = []

    class Look(Callback):
        def on_train_epoch_start(self, *_: Any) -> None:
            there.append((module.pruner.ended, best.is_file()))

    trainer(tmp_path, Look()).fit(module, datamodule=data)
    assert there == [(False, False), (False, False), (True, True)]
    trained = load_trained(best)
    # What a checkpoint says of its weights is of these, or nothing.
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    same = last["global_step"] == torch.load(best, weights_only=True)["global_step"]
    assert trained.validation_cer is not None
    assert last["validation_cer"] == (trained.validation_cer if same else None)
    assert (trained.sparsity.method, trained.sparsity.block) == ("gradual_block", (4, 4))
    zeros = [
        float((dict(trained.model.named_parameters())[name] == 0).float().mean())
        for name in trained.sparsity.pruned
    ]
    found = measure(trained.model, trained.sparsity.pruned)
    sizes = [mask.numel() for mask in masked(module).values()]
    expected = sum(z * n for z, n in zip(zeros, sizes, strict=True)) / sum(sizes)
    assert found.sparsity == pytest.approx(expected)
    assert found.sparsity == pytest.approx(0.9, abs=0.01)
    assert found.sparsity_model == 1 - found.nonzero / found.parameters < found.sparsity


def test_a_masked_weight_that_something_wrote_to_is_not_saved(tones: Path, tmp_path: Path) -> None:
    data, module = pruned_module(tones)
    name = "recurrent.layers.1.right_to_left.weight_hh_l0"

    class Vandal(Callback):
        def on_validation_end(self, _: Any, __: Any) -> None:
            weight = dict(module.model.named_parameters())[name]
            with torch.no_grad():
                weight[weight == 0] = 1e-20

    with pytest.raises(InputError, match=f"saving {name}"):
        trainer(tmp_path, Vandal()).fit(module, datamodule=data)


class StopAt(Callback):
    """Ends the process's training after a step, as a kill would, right after it was saved."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "stop.ckpt")
            raise KeyboardInterrupt


THRESHOLDS = plain.threshold(
    select=RECURRENT,
    block=[4, 4],
    end=0.7,
    start_slope=2e-2,
    penalty=Penalty("group_lasso", strength=0.1, step="gradient"),
)
PROXIMAL = LassoPruning(
    "group_lasso", RECURRENT, [4, 4], Penalty("group_lasso", 40.0, "proximal"), 0.0, 0.1, 0.7
)


@dataclass(frozen=True)
class Undisturbed:
    """A training to its end in `folder`, and what makes its module and its trainer."""

    regrow: float
    method: Any  # None for gradual pruning
    recipe: dict[str, Any]
    folder: Path

    def module(self, tones: Path) -> Any:
        """Data and a fresh module."""
        accumulate = self.recipe.get("accumulate", 1)
        data, module = pruned_module(tones, accumulate=accumulate, regrow=self.regrow)
        return data, module if self.method is None else pruned_by(self.method, module)


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"ema_decay": 0.9},
        {"regrow": 0.3},
        {"precision": "bf16-mixed"},
        pytest.param({"regrow": 0.3, "accumulate": 2}, marks=pytest.mark.flow),
        pytest.param({"method": THRESHOLDS}, marks=pytest.mark.flow),
        pytest.param({"method": PROXIMAL}, marks=pytest.mark.flow),
    ],
    ids=["gradual", "averaged", "regrown", "bf16", "accumulated", "thresholds", "proximal"],
)
def whole(
    request: pytest.FixtureRequest, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    recipe = {key: value for key, value in request.param.items() if key not in ("regrow", "method")}
    made = Undisturbed(
        request.param.get("regrow", 0.0),
        request.param.get("method"),
        recipe,
        tmp_path_factory.mktemp("whole"),
    )
    data, module = made.module(tones)
    trainer(made.folder, **recipe).fit(module, datamodule=data)
    left = [bool(blocks.all()) for blocks in module.pruner.kept.values()]
    assert not all(left), "pruned"
    return made


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_resuming_changes_no_bit(
    tones: Path, tmp_path: Path, whole: Undisturbed, share: float
) -> None:
    data, half = whole.module(tones)
    stop = StopAt(max(1, int(share * half.total_steps)))
    made = trainer(tmp_path / "half", **whole.recipe)
    made.callbacks.append(stop)  # after the one that saves
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        made.fit(half, datamodule=data)
    data, rest = whole.module(tones)
    trainer(tmp_path / "rest", **whole.recipe).fit(
        rest, datamodule=data, ckpt_path=tmp_path / "half/stop.ckpt", weights_only=True
    )
    ends = [
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
        for folder in (whole.folder, tmp_path / "rest")
    ]
    for key in ("state_dict", "current_model_state"):
        ours, theirs = (end.get(key, {}) for end in ends)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), key
    kept = [end["sparsity"]["kept"] for end in ends]
    assert all(torch.equal(kept[0][label], kept[1][label]) for label in kept[0])
    assert ends[0]["sparsity"]["step"] == ends[1]["sparsity"]["step"] == rest.total_steps


def test_dense_runs_hold_nothing_of_it(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, epochs=1)
    trainer(tmp_path, epochs=1).fit(module, datamodule=data)
    assert "sparsity" not in torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert load_trained(tmp_path).sparsity.method == "dense"
    assert (tmp_path / "checkpoints/best.ckpt").is_file()
